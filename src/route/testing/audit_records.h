// For tests only: records that hold what somebody said.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "base/clock.h"
#include "base/sha256.h"
#include "base/testing.h"
#include "route/audit_format.h"

namespace bantam::testing {

inline AuditRecord TalkRecord(int n, std::string_view session = "s") {
  AuditRecord r;
  r.request_id = fmt::format("req-{}", n);
  r.session_hash = Sha256Hex(session);
  r.route = "refund_status";
  r.source = "local model";
  r.decision = "answer";
  r.outcome = "ok";
  r.confidence = 0.93;
  r.question = fmt::format("question {}", n);
  r.answer = fmt::format("answer {}", n);
  r.question_sha256 = Sha256Hex(r.question);
  r.answer_sha256 = Sha256Hex(r.answer);
  r.similar =
      SimilarNote{.similarity = 0.8, .verdict = "refused", .check = "numbers", .reason = fmt::format("reason {}", n)};
  return r;
}

// A log whose records say that they are as old as that, as AuditLog cannot write one.
inline void WriteOldLog(const Path& file, int count, std::chrono::hours age) {
  std::string text, previous(kNoAuditHash);
  for (int n = 1; n <= count; ++n) {
    AuditRecord record = TalkRecord(n);
    record.sequence = n;
    record.time_us = WallMicros() - std::chrono::microseconds(age).count() + n;
    std::string hash;
    text += FormatAuditLine(record, previous, &hash) + "\n";
    previous = hash;
  }
  ASSERT_OK(WriteFileAtomic(file, text));
}

inline std::vector<AuditRecord> ReadAll(const Path& file) {
  std::vector<AuditRecord> records;
  EXPECT_OK(ReadAuditLog(file, [&](const AuditRecord& r, std::string_view) { return records.push_back(r), true; }));
  return records;
}

}  // namespace bantam::testing
