// Reads the complete lines of an audit log, also while it grows.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "route/audit_log.h"

namespace bantam {

// One thread. Goes on with the file that it has opened, also when a purge puts another one in its place.
class AuditReader {
 public:
  // Line numbers in messages count from the place where reading begins.
  static Result<AuditReader> Open(const Path& file);
  // At the first of the last `count` complete lines.
  static Result<AuditReader> OpenAtLast(const Path& file, int64_t count);
  // Behind the record of that number; at the first line for a log that begins later, or ends before it: another one.
  static Result<AuditReader> OpenAfter(const Path& file, int64_t sequence);

  // Without its newline; valid until the next call. Nothing: there is no further complete line now; a later call looks
  // again. kCorrupt: a line longer than any record.
  Result<std::optional<std::string_view>> NextLine();
  int64_t line_number() const { return line_number_; }  // of the line last returned, 1-based
  int64_t offset() const { return offset_; }            // in the file, where the next line begins
  int64_t unfinished_bytes() const { return static_cast<int64_t>(buffer_.size() - used_); }
  // Another file has taken its place: what it still has comes before what OpenAfter finds there.
  bool replaced() const;
  // "audit.jsonl:17", for messages.
  std::string Where() const;

 private:
  AuditReader(UniqueFd fd, Path file) : fd_(std::move(fd)), file_(std::move(file)) {}
  // Among the first `size` bytes.
  Result<int64_t> OffsetOfLast(int64_t count, int64_t size) const;
  Result<int64_t> Size() const;
  Status Seek(int64_t offset);
  UniqueFd fd_;
  Path file_;
  std::string buffer_;
  size_t used_ = 0;     // of buffer_: what was returned
  size_t scanned_ = 0;  // of buffer_: where no newline is
  int64_t line_number_ = 0, offset_ = 0;
};

// ReadAuditLog (audit_log.h) of what a reader still has.
Status ReadRecords(AuditReader& reader, const std::function<bool(const AuditRecord&, std::string_view line)>& visit);

}  // namespace bantam
