// For tests only: the desk of desk.h with the real stores, in a folder that goes with it.
#pragma once

#include <functional>
#include <vector>

#include "route/state_folder.h"
#include "route/testing/desk.h"

namespace bantam::testing {

struct StoredDesk {
  explicit StoredDesk(std::function<void(RouterParts&)> change = {})
      : desk([&](RouterParts& parts) {
          const StateFiles files(folder.path());
          parts.cache = ResultCache::Open(files.cache, parts.file.cache).value();
          parts.audit = AuditLog::Open(files.audit).value();
          parts.state_folder = folder.path();
          parts.lock = std::make_shared<const StateLock>(StateLock::Acquire(folder.path()).value());
          parts.conversations = ConversationStore::Open(files.conversations, std::chrono::seconds(60)).value();
          if (change) change(parts);
        }) {}

  std::vector<AuditRecord> Records() const {
    std::vector<AuditRecord> records;
    EXPECT_OK(ReadAuditLog(StateFiles(folder.path()).audit, [&](const AuditRecord& record, std::string_view) {
      records.push_back(record);
      return true;
    }));
    return records;
  }

  TempFolder folder;
  Desk desk;
};

}  // namespace bantam::testing
