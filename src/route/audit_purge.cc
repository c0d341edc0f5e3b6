#include "route/audit_purge.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>

#include "base/clock.h"
#include "base/sha256.h"
#include "base/text_util.h"
#include "route/audit_format.h"
#include "route/audit_reader.h"

namespace bantam {
namespace {

constexpr size_t kWriteBytes = size_t{1} << 20;

std::string Name(const Path& file) { return EscapeForTerminal(file.string(), 400); }

bool HasTexts(const AuditRecord& r) {
  return !r.sealed.empty() || !r.question.empty() || !r.answer.empty() || (r.similar && !r.similar->reason.empty());
}

bool Fits(const AuditRecord& r, const PurgeRequest& request) { return HasTexts(r) && Names(request, r); }

json::object Without(const json::object& object, std::initializer_list<std::string_view> keys) {
  json::object kept;
  for (const auto& [key, value] : object) {
    if (std::ranges::find(keys, std::string_view(key)) == keys.end()) kept[key] = value;
  }
  return kept;
}

// The line, without its texts.
Result<std::string> Purged(std::string_view line, std::string_view where, int64_t by) {
  const auto parts = SplitAuditLine(line);
  if (!parts) return Err(ErrorCode::kCorrupt, "{} is not a record", where);
  std::string rest = fmt::format("\"purged\":{}}}", by);
  if (!parts->texts.empty()) return fmt::format("{},\"hash\":\"{}\",{}", parts->body, parts->hash, rest);
  BANTAM_TRY(const json::value document, ParseJson(line, where, {.max_depth = 8, .max_bytes = kMaxAuditLineBytes}));
  json::object kept = Without(document.as_object(), {"question", "answer", "hash"});
  if (json::value* similar = kept.if_contains("similar"); similar != nullptr && similar->is_object())
    *similar = Without(similar->as_object(), {"reason"});
  std::string body = ToJson(kept);
  body.pop_back();
  return fmt::format("{},\"hash\":\"{}\",{}", body, parts->hash, rest);
}

class NewLog {
 public:
  static Result<NewLog> Create(const Path& file) {
    UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) return ErrnoError("create", file, errno);
    return NewLog(std::move(fd), file);
  }
  Status Add(std::string_view line) {
    (buffer_ += line) += '\n';
    return buffer_.size() < kWriteBytes ? Ok() : Flush();
  }
  // Onto the disk, in the place of `file`.
  Status ReplaceBy(const Path& file) {
    BANTAM_RETURN_IF_ERROR(Flush());
    if (::fsync(fd_.get()) != 0) return ErrnoError("sync", path_, errno);
    BANTAM_TRY(const AuditCheck check, VerifyAuditLog(path_));
    if (check.first_bad_line) {
      return Err(ErrorCode::kInternal, "the purged log would not verify (line {}: {}); nothing was changed",
                 *check.first_bad_line, check.problem);
    }
    if (::rename(path_.c_str(), file.c_str()) != 0) return ErrnoError("rename", path_, errno);
    const Path folder = file.has_parent_path() ? file.parent_path() : Path(".");
    const UniqueFd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder_fd.valid() || ::fsync(folder_fd.get()) != 0) return ErrnoError("sync the folder of", file, errno);
    return Ok();
  }

 private:
  NewLog(UniqueFd fd, Path path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Status Flush() {
    const Status written = WriteAll(fd_.get(), buffer_, path_);
    buffer_.clear();
    return written;
  }
  UniqueFd fd_;
  Path path_;
  std::string buffer_;
};

AuditRecord RecordOf(const PurgeRequest& request, int64_t sequence, int64_t records, Sha256& lines) {
  AuditRecord record;
  record.sequence = sequence;
  record.time_us = WallMicros();
  record.request_id = fmt::format("purge-{}", sequence);
  record.decision = kPurgeDecision;
  record.source = "person";
  record.outcome = "ok";
  record.purge = PurgeNote{.before_us = request.before_us,
                           .session_hash = request.session_hash,
                           .request_id = request.request_id,
                           .records = records,
                           .lines_sha256 = HexOf(lines.Finish())};
  return record;
}

// Where the first record is that has texts and fits; nothing: there is none. Of most logs a purge by age finds the
// answer in the first lines.
Result<bool> AnyFits(const Path& file, const PurgeRequest& request) {
  bool any = false;
  BANTAM_RETURN_IF_ERROR(ReadAuditLog(file, [&](const AuditRecord& record, std::string_view) {
    any = Fits(record, request);
    const bool later = request.before_us && record.time_us >= *request.before_us;
    return !any && !later;
  }));
  return any;
}

}  // namespace

bool Names(const PurgeRequest& request, const AuditRecord& record) {
  return (!request.before_us || record.time_us < *request.before_us) &&
         (request.session_hash.empty() || record.session_hash == request.session_hash) &&
         (request.request_id.empty() || record.request_id == request.request_id);
}

Result<PurgeReport> PurgeAuditLog(const Path& file, const PurgeRequest& request) {
  PurgeReport report;
  // Holds the lock, and has put aside what a crash tore.
  BANTAM_TRY(const std::unique_ptr<AuditLog> log, AuditLog::Open(file, /*own_thread=*/false));
  BANTAM_TRY(const bool any, AnyFits(file, request));
  if (!any) return report;
  BANTAM_TRY(const AuditCheck check, VerifyAuditLog(file));
  if (check.first_bad_line) {
    return Err(ErrorCode::kCorrupt, "{}:{}: {}; a purge would hide that, so nothing was taken out", Name(file),
               *check.first_bad_line, check.problem);
  }
  const int64_t sequence = check.records + 1;
  Sha256 lines;
  const Path partial = file.string() + ".partial";
  BANTAM_TRY(AuditReader reader, AuditReader::Open(file));
  std::optional<NewLog> purged;
  if (!request.dry_run) {
    BANTAM_TRY(purged, NewLog::Create(partial));
  }
  for (;;) {
    BANTAM_TRY(const auto line, reader.NextLine());
    if (!line) break;
    BANTAM_TRY(const AuditLine parsed, ParseAuditLine(*line, reader.Where()));
    const bool fits = Fits(parsed.record, request);
    report.records += fits;
    if (!purged) continue;
    if (!fits) {
      BANTAM_RETURN_IF_ERROR(purged->Add(*line));
      continue;
    }
    BANTAM_TRY(const std::string rest, Purged(*line, reader.Where(), sequence));
    lines.Update(rest).Update("\n");
    BANTAM_RETURN_IF_ERROR(purged->Add(rest));
  }
  if (!purged) return report;
  report.sequence = sequence;
  std::string hash;
  BANTAM_RETURN_IF_ERROR(
      purged->Add(FormatAuditLine(RecordOf(request, sequence, report.records, lines), check.last_hash, &hash)));
  BANTAM_RETURN_IF_ERROR(purged->ReplaceBy(file));
  std::error_code ignored;
  report.torn_removed = std::filesystem::remove(file.string() + ".torn", ignored);
  return report;
}

}  // namespace bantam
