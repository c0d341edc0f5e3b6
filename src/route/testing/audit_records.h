// For tests only: records that hold what somebody said.
#pragma once

#include <fmt/format.h>

#include <vector>

#include "base/sha256.h"
#include "base/testing.h"
#include "route/audit_log.h"

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

inline std::vector<AuditRecord> ReadAll(const Path& file) {
  std::vector<AuditRecord> records;
  EXPECT_OK(ReadAuditLog(file, [&](const AuditRecord& r, std::string_view) { return records.push_back(r), true; }));
  return records;
}

}  // namespace bantam::testing
