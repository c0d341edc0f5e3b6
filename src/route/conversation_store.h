// The state of conversations (a form half filled in), by session id, expiring.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/file_io.h"
#include "route/state_folder.h"

namespace bantam {

// Thread-safe. The state is an opaque JSON text of at most 64 KiB. Session ids are stored hashed. What Save has
// accepted survives a kill of the process (a power cut may take the last moments). A corrupt or foreign file is moved
// aside to
// *.corrupt-TIME and a new one begun. At most 100,000 sessions: beyond that the one that expires first goes.
class ConversationStore {
 public:
  // kConflict when another process has it open; other trouble of the disk is an error too: forms need it.
  // `now_micros`: another clock, for tests.
  static Result<std::unique_ptr<ConversationStore>> Open(const Path& file, std::chrono::seconds ttl,
                                                         std::function<int64_t()> now_micros = WallMicros);
  virtual ~ConversationStore() = default;
  virtual Result<std::optional<std::string>> Load(std::string_view session_id) = 0;
  virtual Status Save(std::string_view session_id, std::string_view state) = 0;  // refreshes the expiry
  virtual Status Erase(std::string_view session_id) = 0;
  virtual void SetTtl(std::chrono::seconds) {}  // of what is saved from now on; no matter where nothing expires
};

// Forgets conversations by the `session` of their audit records, in a file that no process has open; nothing of them
// stays on the disk.
Status ForgetConversations(const Path& file, const std::set<std::string>& session_hashes);

}  // namespace bantam
