#include "route/audit_purge.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <utility>

#include "base/text_util.h"
#include "route/audit_chain.h"
#include "route/audit_reader.h"

namespace bantam {
namespace {

constexpr size_t kWriteBytes = size_t{1} << 20;
// Of what was appended meanwhile, that is left for when records wait; and how often it is tried to get there.
constexpr int64_t kFewBytes = 64 << 10;
constexpr int kMostRounds = 20;

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

// The line, without its texts; checked as whoever verifies the log will.
Result<std::string> Purged(std::string_view line, const AuditLine& was, int64_t id, const std::string& where) {
  const auto parts = SplitAuditLine(line);
  if (!parts) return Err(ErrorCode::kCorrupt, "{} is not a record", where);
  std::string left = fmt::format(",\"hash\":\"{}\",\"purged\":{}}}", parts->hash, id);
  if (!parts->texts.empty()) {
    left.insert(0, parts->body);
  } else {
    BANTAM_TRY(const json::value document, ParseJson(line, where, {.max_depth = 8, .max_bytes = kMaxAuditLineBytes}));
    json::object kept = Without(document.as_object(), {"question", "answer", "hash"});
    if (json::value* similar = kept.if_contains("similar"); similar != nullptr && similar->is_object())
      *similar = Without(similar->as_object(), {"reason"});
    std::string body = ToJson(kept);
    body.pop_back();
    left.insert(0, body);
  }
  const auto is = ParseAuditLine(left, where);
  if (!is || HasTexts(is->record) || !ProblemOf(left, is->record).empty() || is->previous_hash != was.previous_hash ||
      is->record.hash != was.record.hash || is->record.sequence != was.record.sequence) {
    return Err(ErrorCode::kInternal, "the purged log would not verify at {}; nothing was changed", where);
  }
  return left;
}

// What is to take the log's place, as FILE.partial until it does.
class Copy {
 public:
  // Readable by whom the log is. Its lock is the log's later on.
  static Result<Copy> Create(const Path& log) {
    Copy copy;
    copy.path_ = log.string() + ".partial";
    copy.fd_ =
        UniqueFd(::open(copy.path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
    if (!copy.fd_.valid()) return ErrnoError("create", copy.path_, errno);
    if (::flock(copy.fd_.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return ErrnoError("lock", copy.path_, errno);
      return Err(ErrorCode::kConflict, "the audit log {} is being purged already", Name(log));
    }
    copy.ours_ = true;
    struct stat info{};
    if (::ftruncate(copy.fd_.get(), 0) != 0) return ErrnoError("empty", copy.path_, errno);
    if (::stat(log.c_str(), &info) != 0) return ErrnoError("inspect", log, errno);
    if (::fchown(copy.fd_.get(), info.st_uid, info.st_gid) == 0) ::fchmod(copy.fd_.get(), info.st_mode & 0777);
    return copy;
  }
  Copy(Copy&& other) noexcept
      : fd_(std::move(other.fd_)),
        path_(std::move(other.path_)),
        buffer_(std::move(other.buffer_)),
        ours_(std::exchange(other.ours_, false)) {}
  ~Copy() {
    if (ours_) ::unlink(path_.c_str());
  }

  Status Add(std::string_view line) {
    (buffer_ += line) += '\n';
    return buffer_.size() < kWriteBytes ? Ok() : Flush();
  }
  // Onto the disk.
  Status Sync() {
    BANTAM_RETURN_IF_ERROR(Flush());
    return ::fsync(fd_.get()) == 0 ? Ok() : Status(ErrnoError("sync", path_, errno));
  }
  // All that was added is synced.
  Result<AuditLog::End> TakePlaceOf(AuditLog& log, const AuditLog::End& copied, AuditRecord last) {
    auto end = log.ReplaceBy(std::move(fd_), path_, copied, std::move(last));
    // Where it was renamed and not synced, there is nothing of that name.
    if (end) ours_ = false;
    return end;
  }

 private:
  Copy() = default;
  Status Flush() {
    const Status written = WriteAll(fd_.get(), buffer_, path_);
    buffer_.clear();
    return written;
  }
  UniqueFd fd_;
  Path path_;
  std::string buffer_;
  bool ours_ = false;
};

Error Ended(const Path& log) { return Err(ErrorCode::kCancelled, "the purge of {} was ended", Name(log)); }

// One purge of a log that was found to have something to take out.
class Purge {
 public:
  // copy: null only counts.
  Purge(AuditLog& log, const PurgeRequest& request, const std::stop_token& stop, AuditReader reader, Copy* copy)
      : log_(log), request_(request), stop_(stop), reader_(std::move(reader)), copy_(copy), begin_(log.end()) {}

  Result<PurgeReport> Run() {
    BANTAM_RETURN_IF_ERROR(CopyUpTo(begin_));
    if (const auto line = chain_.Unsettled()) return Broken(*line, "the record that took its texts out is not there");
    if (copy_ == nullptr) return report_;
    // What has reached the disk in the old file has done so in the new one, too, when that takes its place: but for the
    // last moment's, so the long sync comes first.
    BANTAM_RETURN_IF_ERROR(copy_->Sync());
    AuditLog::End copied;
    int rounds = 0;
    do {
      copied = log_.end();
      BANTAM_RETURN_IF_ERROR(CopyUpTo(copied));
      BANTAM_RETURN_IF_ERROR(copy_->Sync());
    } while (log_.end().bytes - copied.bytes > kFewBytes && ++rounds < kMostRounds);
    BANTAM_TRY(const AuditLog::End end, copy_->TakePlaceOf(log_, copied, Record()));
    report_.sequence = end.records;
    std::error_code ignored;
    report_.torn_removed = std::filesystem::remove(log_.file().string() + ".torn", ignored);
    return report_;
  }

 private:
  int64_t id() const { return begin_.records + 1; }

  Status CopyUpTo(const AuditLog::End& end) {
    while (chain_.records() < end.records) {
      if (stop_.stop_requested()) return Ended(log_.file());
      BANTAM_TRY(const auto line, reader_.NextLine());
      if (!line) return Broken(chain_.records() + 1, "the log ends before it");
      BANTAM_RETURN_IF_ERROR(CopyLine(*line));
    }
    return chain_.last_hash() == end.hash ? Ok() : Broken(chain_.records(), "it is not the record that was written");
  }

  Status CopyLine(std::string_view line) {
    const std::string where = reader_.Where();
    BANTAM_TRY(const AuditLine parsed, ParseAuditLine(line, where));
    if (const std::string problem = chain_.Add(line, parsed); !problem.empty())
      return Broken(reader_.line_number(), problem);
    const bool fits = parsed.record.sequence <= begin_.records && Fits(parsed.record, request_);
    report_.records += fits;
    if (copy_ == nullptr) return Ok();
    if (!fits) return copy_->Add(line);
    BANTAM_TRY(const std::string left, Purged(line, parsed, id(), where));
    left_.Update(left).Update("\n");
    return copy_->Add(left);
  }

  Error Broken(int64_t line, std::string_view problem) const {
    return Err(ErrorCode::kCorrupt, "{}:{}: {}; a purge would hide that, so nothing was taken out", Name(log_.file()),
               line, problem);
  }

  AuditRecord Record() {
    AuditRecord record;
    record.request_id = fmt::format("purge-{}", id());
    record.decision = kPurgeDecision;
    record.source = "person";
    record.outcome = "ok";
    record.purge = PurgeNote{.id = id(),
                             .before_us = request_.before_us,
                             .session_hash = request_.session_hash,
                             .request_id = request_.request_id,
                             .records = report_.records,
                             .lines_sha256 = HexOf(left_.Finish())};
    return record;
  }

  AuditLog& log_;
  const PurgeRequest& request_;
  const std::stop_token& stop_;
  AuditReader reader_;
  Copy* const copy_;
  const AuditLog::End begin_;  // what comes later is never taken out
  ChainCheck chain_;           // of the log as it was
  Sha256 left_;                // of the purged lines
  PurgeReport report_;
};

// Where the first record is that has texts and fits; nothing: there is none. Of most logs a purge by age finds the
// answer in the first lines.
Result<bool> AnyFits(const Path& file, const PurgeRequest& request, const std::stop_token& stop) {
  bool any = false;
  BANTAM_RETURN_IF_ERROR(ReadAuditLog(file, [&](const AuditRecord& record, std::string_view) {
    any = Fits(record, request);
    const bool later = request.before_us && record.time_us >= *request.before_us;
    return !any && !later && !stop.stop_requested();
  }));
  return any;
}

}  // namespace

bool Names(const PurgeRequest& request, const AuditRecord& record) {
  return (!request.before_us || record.time_us < *request.before_us) &&
         (request.session_hash.empty() || record.session_hash == request.session_hash) &&
         (request.request_id.empty() || record.request_id == request.request_id);
}

Result<PurgeReport> PurgeAuditLog(AuditLog& log, const PurgeRequest& request, const std::stop_token& stop) {
  // First, so that no other purge replaces what is read here; and what a killed one has left behind goes with it.
  std::optional<Copy> copy;
  if (!request.dry_run) {
    BANTAM_TRY(Copy made, Copy::Create(log.file()));
    copy.emplace(std::move(made));
  }
  BANTAM_TRY(const bool any, AnyFits(log.file(), request, stop));
  if (stop.stop_requested()) return Ended(log.file());
  if (!any) return PurgeReport();
  BANTAM_TRY(AuditReader reader, AuditReader::Open(log.file()));
  return Purge(log, request, stop, std::move(reader), copy ? &*copy : nullptr).Run();
}

Result<PurgeReport> PurgeAuditLog(const Path& file, const PurgeRequest& request) {
  // Holds the lock, and has put aside what a crash tore.
  BANTAM_TRY(const std::unique_ptr<AuditLog> log, AuditLog::Open(file, /*own_thread=*/false));
  return PurgeAuditLog(*log, request);
}

}  // namespace bantam
