#include "route/audit_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

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

Result<AuditReader> AuditReader::Open(const Path& file) {
  BANTAM_TRY(UniqueFd fd, OpenToRead(file));
  return AuditReader(std::move(fd), file);
}

Result<AuditReader> AuditReader::OpenAtLast(const Path& file, int64_t count) {
  BANTAM_TRY(AuditReader reader, Open(file));
  BANTAM_TRY(const int64_t size, reader.Size());
  BANTAM_TRY(const int64_t offset, reader.OffsetOfLast(count, size));
  BANTAM_RETURN_IF_ERROR(reader.Seek(offset));
  return reader;
}

// A record's number is that of its line.
Result<AuditReader> AuditReader::OpenAfter(const Path& file, int64_t sequence) {
  BANTAM_TRY(AuditReader reader, Open(file));
  BANTAM_TRY(const int64_t size, reader.Size());
  BANTAM_TRY(const int64_t last, reader.OffsetOfLast(1, size));
  BANTAM_RETURN_IF_ERROR(reader.Seek(last));
  BANTAM_TRY(const auto line, reader.NextLine());
  int64_t offset = 0;
  if (line) {
    BANTAM_TRY(const AuditLine parsed, ParseAuditLine(*line, reader.Where()));
    const int64_t later = parsed.record.sequence - sequence;
    if (later >= 0) {
      BANTAM_TRY(offset, reader.OffsetOfLast(later, size));
    }
  }
  BANTAM_RETURN_IF_ERROR(reader.Seek(offset));
  return reader;
}

Result<int64_t> AuditReader::Size() const {
  const off_t size = ::lseek(fd_.get(), 0, SEEK_END);
  if (size < 0) return ErrnoError("read", file_, errno);
  return size;
}

Status AuditReader::Seek(int64_t offset) {
  if (::lseek(fd_.get(), offset, SEEK_SET) < 0) return ErrnoError("read", file_, errno);
  buffer_.clear();
  used_ = scanned_ = 0;
  line_number_ = 0;
  offset_ = offset;
  return Ok();
}

bool AuditReader::replaced() const {
  struct stat ours{}, there{};
  return ::fstat(fd_.get(), &ours) == 0 && ::stat(file_.c_str(), &there) == 0 &&
         (ours.st_ino != there.st_ino || ours.st_dev != there.st_dev);
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
      offset_ += static_cast<int64_t>(length) + 1;
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

Result<int64_t> AuditReader::OffsetOfLast(int64_t count, int64_t size) const {
  std::string block(kBlockBytes, '\0');
  // The newline before the first wanted line is the one after `count` others, counted from the end.
  int64_t newlines = 0;
  for (off_t end = size; end > 0;) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(kBlockBytes));
    const ssize_t got = ::pread(fd_.get(), block.data(), static_cast<size_t>(end - begin), begin);
    if (got != end - begin) return ErrnoError("read", file_, got < 0 ? errno : EIO);
    for (off_t at = end; at-- > begin;) {
      if (block[static_cast<size_t>(at - begin)] == '\n' && ++newlines > count) return at + 1;
    }
    end = begin;
  }
  return 0;
}

Status ReadAuditLog(const Path& file, const std::function<bool(const AuditRecord&, std::string_view line)>& visit) {
  BANTAM_TRY(AuditReader reader, AuditReader::Open(file));
  return ReadRecords(reader, visit);
}

Status ReadRecords(AuditReader& reader, const std::function<bool(const AuditRecord&, std::string_view line)>& visit) {
  for (;;) {
    BANTAM_TRY(const auto line, reader.NextLine());
    if (!line) return Ok();
    BANTAM_TRY(const AuditLine parsed, ParseAuditLine(*line, reader.Where()));
    if (!visit(parsed.record, *line)) return Ok();
  }
}

}  // namespace bantam
