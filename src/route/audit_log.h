// One append-only record per decision, hash-chained: each record carries the SHA-256 of the one before, so that a changed,
// removed or re-ordered line is found by `bantam audit verify`. JSON Lines.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "route/types.h"

namespace bantam {

struct AuditRecord {
  int64_t sequence = 0;      // from 1, filled by Append
  int64_t time_us = 0;       // wall clock, microseconds since 1970; filled by Append
  std::string request_id, session_hash, route, source, decision, model, outcome;  // outcome: ok, upstream_timeout, ...
  double confidence = 0, threshold = 0, latency_ms = 0, cost = 0;
  std::string question_sha256, answer_sha256;
  std::string question, answer;  // only when the route file says `audit: {content: text}`
  std::string route_file_sha256, head_sha256;
  std::vector<NearestExample> nearest;  // at most 3; texts are the route file's own examples
};

struct AuditCheck {
  int64_t records = 0;
  std::string last_hash;
  std::optional<int64_t> first_bad_line;  // 1-based
  std::string problem;
};

// Thread-safe. Every record reaches the kernel before Append returns (it survives kill -9 of the process) and the disk
// within a second. A torn last line is moved to FILE.torn when the log is opened; no earlier byte is ever changed.
class AuditLog {
 public:
  static Result<std::unique_ptr<AuditLog>> Open(const Path& file);
  virtual ~AuditLog() = default;
  virtual Status Append(AuditRecord record) = 0;
};

Result<AuditCheck> VerifyAuditLog(const Path& file);
// Reads records in order; the visitor returns false to stop.
Status ReadAuditLog(const Path& file, const std::function<bool(const AuditRecord&, std::string_view line)>& visit);

}  // namespace bantam
