// Reads the complete lines of an audit log, also while it grows.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "route/audit_log.h"

namespace bantam {

// One thread.
class AuditReader {
 public:
  // Line numbers in messages count from the place where reading begins.
  static Result<AuditReader> Open(const Path& file, int64_t offset = 0);

  // Without its newline; valid until the next call. Nothing: there is no further complete line now; a later call looks
  // again. kCorrupt: a line longer than any record.
  Result<std::optional<std::string_view>> NextLine();
  int64_t line_number() const { return line_number_; }  // of the line last returned, 1-based
  int64_t unfinished_bytes() const { return static_cast<int64_t>(buffer_.size() - used_); }
  // "audit.jsonl:17", for messages.
  std::string Where() const;

 private:
  AuditReader(UniqueFd fd, Path file) : fd_(std::move(fd)), file_(std::move(file)) {}
  UniqueFd fd_;
  Path file_;
  std::string buffer_;
  size_t used_ = 0;     // of buffer_: what was returned
  size_t scanned_ = 0;  // of buffer_: where no newline is
  int64_t line_number_ = 0;
};

// ReadAuditLog (audit_log.h) of what stands from `offset` on, where a line begins.
Status ReadAuditLogFrom(const Path& file, int64_t offset,
                        const std::function<bool(const AuditRecord&, std::string_view line)>& visit);

// Where the last `count` complete lines begin; with an end, those of its first `end` bytes.
Result<int64_t> OffsetOfLastLines(const Path& file, int64_t count, std::optional<int64_t> end = {});

}  // namespace bantam
