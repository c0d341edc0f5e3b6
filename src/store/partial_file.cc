#include "store/partial_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMaxTagBytes = 1024;

// A file that may not grow is a full disk to whoever wants it longer: a quota, or a limit on the process.
Error WriteError(std::string_view what, const Path& path, int error_number) {
  Error error = ErrnoError(what, path, error_number);
  if (error_number == EFBIG) error.code = ErrorCode::kOutOfDisk;
  return error;
}

}  // namespace

Result<PartialFile> PartialFile::Open(const Path& path, uint64_t size, const FileDigest& digest) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
  if (!fd.valid()) return ErrnoError("open", path, errno);
  PartialFile file(path, std::move(fd), size, digest);
  BANTAM_RETURN_IF_ERROR(file.ReadWhatIsThere());
  // Where the file system cannot promise room, it is found out while writing.
  if (!file.complete() && ::fallocate(file.fd_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
    return WriteError("make room for", path, errno);
  }
  return file;
}

Status PartialFile::ReadWhatIsThere() {
  struct stat info{};
  if (::fstat(fd_.get(), &info) != 0) return ErrnoError("inspect", path_, errno);
  if (!S_ISREG(info.st_mode)) {
    return Err(ErrorCode::kConflict, "{} is not a regular file: remove it", EscapeForTerminal(path_.string(), 400));
  }
  if (static_cast<uint64_t>(info.st_size) > size_) return StartOver();
  hasher_ = std::make_unique<FileHasher>(digest_, size_);
  std::string buffer(size_t{1} << 20, '\0');
  while (true) {
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read", path_, errno);
    if (got == 0) break;
    hasher_->Update({buffer.data(), static_cast<size_t>(got)});
    done_ += static_cast<uint64_t>(got);
  }
  if (done_ > size_) return StartOver();
  ReadTag();
  return Ok();
}

Status PartialFile::Append(std::string_view bytes) {
  BANTAM_CHECK(bytes.size() <= size_ - done_);
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(done_));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return WriteError("write", path_, errno);
    const auto written = static_cast<size_t>(put);
    hasher_->Update(bytes.substr(0, written));
    done_ += written;
    bytes.remove_prefix(written);
  }
  return Ok();
}

Status PartialFile::StartOver() {
  // Never through a link: its other names belong to models.
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return ErrnoError("remove", path_, errno);
  fd_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd_.valid()) return ErrnoError("create", path_, errno);
  hasher_ = std::make_unique<FileHasher>(digest_, size_);
  done_ = 0;
  tag_origin_.clear();
  tag_.clear();
  std::error_code ignored;
  std::filesystem::remove(TagPath(), ignored);
  return Ok();
}

Status PartialFile::Sync() {
  if (::fsync(fd_.get()) != 0) return WriteError("sync", path_, errno);
  return Ok();
}

void PartialFile::Remove() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
  std::filesystem::remove(TagPath(), ignored);
}

void PartialFile::ReadTag() {
  if (done_ == 0) return;
  const auto text = ReadFile(TagPath(), kMaxTagBytes);
  if (!text) return;  // without it the digest alone tells whether the parts fit
  const size_t line = text->find('\n');
  if (line == std::string::npos || text->find('\n', line + 1) != text->size() - 1) return;
  tag_origin_ = text->substr(0, line);
  tag_ = text->substr(line + 1, text->size() - line - 2);
}

void PartialFile::SetTag(std::string_view origin, std::string_view tag) {
  // A weak tag says nothing of single bytes.
  const bool strong = tag.size() >= 2 && tag.front() == '"' && tag.back() == '"' && tag.size() < kMaxTagBytes / 2;
  const std::string_view kept = strong ? tag : std::string_view();
  if (kept == tag_ && origin == tag_origin_) return;
  tag_origin_ = origin;
  tag_ = kept;
  // Only a hint for the next process.
  if (!tag_.empty()) (void)WriteFileAtomic(TagPath(), tag_origin_ + "\n" + tag_ + "\n").has_value();
}

}  // namespace bantam
