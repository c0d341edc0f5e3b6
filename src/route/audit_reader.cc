#include "route/audit_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/sha256.h"
#include "base/text_util.h"
#include "route/audit_format.h"

namespace bantam {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;

Result<UniqueFd> OpenToRead(const Path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ErrnoError("open the audit log", file, errno);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return ErrnoError("inspect", file, errno);
  if (!S_ISREG(info.st_mode)) {
    return Err(ErrorCode::kInvalidArgument, "{} is not a regular file", EscapeForTerminal(file.string(), 400));
  }
  return fd;
}

}  // namespace

Result<AuditReader> AuditReader::Open(const Path& file, int64_t offset) {
  BANTAM_TRY(UniqueFd fd, OpenToRead(file));
  if (::lseek(fd.get(), offset, SEEK_SET) < 0) return ErrnoError("read", file, errno);
  return AuditReader(std::move(fd), file);
}

std::string AuditReader::Where() const {
  return fmt::format("{}:{}", EscapeForTerminal(file_.filename().string(), 200), line_number_);
}

Result<std::optional<std::string_view>> AuditReader::NextLine() {
  for (;;) {
    const size_t newline = buffer_.find('\n', scanned_);
    const size_t length = (newline == std::string::npos ? buffer_.size() : newline) - used_;
    if (length > kMaxAuditLineBytes) {
      ++line_number_;
      return Err(ErrorCode::kCorrupt, "{} is longer than {} bytes: not a record", Where(), kMaxAuditLineBytes);
    }
    if (newline != std::string::npos) {
      const std::string_view line(buffer_.data() + used_, length);
      used_ = scanned_ = newline + 1;
      ++line_number_;
      return std::optional(line);
    }
    buffer_.erase(0, used_);
    used_ = 0;
    scanned_ = buffer_.size();
    buffer_.resize(scanned_ + kBlockBytes);
    ssize_t got = 0;
    do {
      got = ::read(fd_.get(), buffer_.data() + scanned_, kBlockBytes);
    } while (got < 0 && errno == EINTR);
    buffer_.resize(scanned_ + static_cast<size_t>(std::max<ssize_t>(0, got)));
    if (got < 0) return ErrnoError("read", file_, errno);
    if (got == 0) return std::optional<std::string_view>();
  }
}

Result<int64_t> OffsetOfLastLines(const Path& file, int64_t count, std::optional<int64_t> end_of_lines) {
  BANTAM_TRY(UniqueFd fd, OpenToRead(file));
  off_t size = ::lseek(fd.get(), 0, SEEK_END);
  if (size < 0) return ErrnoError("read", file, errno);
  if (end_of_lines) size = std::min<off_t>(size, *end_of_lines);
  std::string block(kBlockBytes, '\0');
  // The newline before the first wanted line is the one after `count` others, counted from the end.
  int64_t newlines = 0;
  for (off_t end = size; end > 0;) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(kBlockBytes));
    const ssize_t got = ::pread(fd.get(), block.data(), static_cast<size_t>(end - begin), begin);
    if (got != end - begin) return ErrnoError("read", file, got < 0 ? errno : EIO);
    for (off_t at = end; at-- > begin;) {
      if (block[static_cast<size_t>(at - begin)] == '\n' && ++newlines > count) return at + 1;
    }
    end = begin;
  }
  return 0;
}

Status ReadAuditLog(const Path& file, const std::function<bool(const AuditRecord&, std::string_view line)>& visit) {
  return ReadAuditLogFrom(file, 0, visit);
}

Status ReadAuditLogFrom(const Path& file, int64_t offset,
                        const std::function<bool(const AuditRecord&, std::string_view line)>& visit) {
  BANTAM_TRY(AuditReader reader, AuditReader::Open(file, offset));
  for (;;) {
    BANTAM_TRY(const auto line, reader.NextLine());
    if (!line) return Ok();
    BANTAM_TRY(const AuditLine parsed, ParseAuditLine(*line, reader.Where()));
    if (!visit(parsed.record, *line)) return Ok();
  }
}

namespace {

// What is wrong with one line by itself; empty: nothing.
std::string ProblemOf(std::string_view line, const AuditRecord& record) {
  const auto parts = SplitAuditLine(line);
  if (!parts || parts->hash != record.hash || parts->purged_by != record.purged_by)
    return "it does not end as a record does";
  const bool purged = parts->purged_by != 0;
  // A line of version 1 whose texts were taken out: what it is now is proven by the record that took them.
  const bool hash_holds = purged && record.texts_sha256.empty();
  if (!hash_holds && Sha256Hex(parts->body) != record.hash)
    return "its hash does not fit its content: the line was changed";
  if (!parts->texts.empty() && Sha256Hex(parts->texts) != record.texts_sha256)
    return "its texts are not those that it was written with";
  if (parts->texts.empty() && !record.texts_sha256.empty() && !purged)
    return "its texts were removed, and no purge was recorded";
  return {};
}

// Lines whose texts are gone, until the record comes that took them out.
class PurgedLines {
 public:
  void Add(std::string_view line, int64_t by, int64_t line_number) {
    Lines& lines = waiting_[by];
    if (++lines.count == 1) lines.first = line_number;
    lines.hash.Update(line).Update("\n");
  }
  // Whether the record tells of exactly those that name it.
  bool Settle(const AuditRecord& record) {
    const auto found = waiting_.find(record.sequence);
    if (!record.purge || found == waiting_.end()) return !record.purge && found == waiting_.end();
    const bool same = found->second.count == record.purge->records &&
                      HexOf(found->second.hash.Finish()) == record.purge->lines_sha256;
    waiting_.erase(found);
    return same;
  }
  // The first line that names a record which never came.
  std::optional<int64_t> Unsettled() const {
    std::optional<int64_t> first;
    for (const auto& [by, lines] : waiting_) first = std::min(first.value_or(lines.first), lines.first);
    return first;
  }

 private:
  struct Lines {
    int64_t count = 0, first = 0;
    Sha256 hash;
  };
  std::map<int64_t, Lines> waiting_;
};

}  // namespace

Result<AuditCheck> VerifyAuditLog(const Path& file) {
  BANTAM_TRY(AuditReader reader, AuditReader::Open(file));
  AuditCheck check;
  PurgedLines purged;
  check.last_hash = kNoAuditHash;
  const auto bad = [&](std::string problem) {
    check.first_bad_line = reader.line_number();
    check.problem = std::move(problem);
    return check;
  };
  // The finding names the file and the line by itself.
  const auto without_place = [&](std::string message) {
    const std::string where = reader.Where();
    if (message.starts_with(where + ":1:")) return "column " + message.substr(where.size() + 3);
    return message.starts_with(where + ": ") ? message.substr(where.size() + 2) : message;
  };
  for (;;) {
    const auto line = reader.NextLine();
    if (!line && line.error().code == ErrorCode::kCorrupt) return bad(line.error().message);
    if (!line) return line.error();
    if (!*line) break;
    const auto parsed = ParseAuditLine(**line, reader.Where());
    if (!parsed) return bad(without_place(parsed.error().message));
    if (std::string problem = ProblemOf(**line, parsed->record); !problem.empty()) return bad(std::move(problem));
    if (parsed->previous_hash != check.last_hash || parsed->record.sequence != check.records + 1) {
      return bad(
          fmt::format("it is record {} and does not continue the line before it: a line was removed, inserted or moved",
                      parsed->record.sequence));
    }
    if (parsed->record.purged_by != 0) {
      purged.Add(**line, parsed->record.purged_by, reader.line_number());
      ++check.purged;
    }
    if (!purged.Settle(parsed->record))
      return bad("it does not tell of the lines whose texts were taken out: one of them was changed since");
    check.last_hash = parsed->record.hash;
    ++check.records;
  }
  if ((check.first_bad_line = purged.Unsettled())) {
    check.problem = "its texts were removed, and the record that is said to have done it is not there";
    check.records = *check.first_bad_line - 1;
  }
  check.unfinished_bytes = reader.unfinished_bytes();
  return check;
}

}  // namespace bantam
