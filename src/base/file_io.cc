#include "base/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text_util.h"

namespace bantam {

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

Error ErrnoError(std::string_view what, const Path& path, int error_number) {
  ErrorCode code = ErrorCode::kUnavailable;
  if (error_number == ENOENT || error_number == ENOTDIR) code = ErrorCode::kNotFound;
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) code = ErrorCode::kForbidden;
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG) code = ErrorCode::kOutOfDisk;
  if (error_number == ENOMEM) code = ErrorCode::kOutOfMemory;
  return Err(code, "cannot {} {}: {}", what, EscapeForTerminal(path.string(), 400), std::strerror(error_number));
}

Result<std::string> ReadFile(const Path& path, uint64_t max_bytes) {
  // O_NONBLOCK: opening a FIFO must not hang; it has no effect on regular files.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ErrnoError("open", path, errno);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return ErrnoError("inspect", path, errno);
  if (!S_ISREG(info.st_mode)) {
    return Err(ErrorCode::kInvalidArgument, "{} is not a regular file", EscapeForTerminal(path.string(), 400));
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size > max_bytes) {
    return Err(ErrorCode::kTooLarge, "{} has {} bytes, the limit is {}", EscapeForTerminal(path.string(), 400), size,
               max_bytes);
  }
  std::string text(size, '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + done, text.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read", path, errno);
    if (got == 0) break;  // the file shrank while we read
    done += static_cast<size_t>(got);
  }
  text.resize(done);
  return text;
}

Status WriteAll(int fd, std::string_view bytes, const Path& path_for_errors) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoError("write", path_for_errors, errno);
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return Ok();
}

Status MakeFolders(const Path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return ErrnoError("make the folder", path, error.value());
  return Ok();
}

Status WriteFileAtomic(const Path& path, std::string_view bytes) { return WritePiecesAtomic(path, {&bytes, 1}); }

Status WritePiecesAtomic(const Path& path, std::span<const std::string_view> pieces) {
  const Path folder = path.has_parent_path() ? path.parent_path() : Path(".");
  BANTAM_RETURN_IF_ERROR(MakeFolders(folder));
  // The process id keeps two writers apart; the loser's rename simply comes first.
  const Path partial = path.string() + fmt::format(".{}.partial", ::getpid());
  Status status = [&]() -> Status {
    UniqueFd fd(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd.valid()) return ErrnoError("create", partial, errno);
    for (const std::string_view piece : pieces) BANTAM_RETURN_IF_ERROR(WriteAll(fd.get(), piece, partial));
    if (::fsync(fd.get()) != 0) return ErrnoError("sync", partial, errno);
    if (::rename(partial.c_str(), path.c_str()) != 0) return ErrnoError("rename to", path, errno);
    UniqueFd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder_fd.valid() && ::fsync(folder_fd.get()) != 0) return ErrnoError("sync the folder", folder, errno);
    return Ok();
  }();
  if (!status) ::unlink(partial.c_str());
  return status;
}

}  // namespace bantam
