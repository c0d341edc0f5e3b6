#include "route/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/text_util.h"

namespace bantam {
namespace {

int PidIn(int fd) {
  char text[16] = {};
  const ssize_t got = ::pread(fd, text, sizeof text - 1, 0);
  int pid = 0;
  if (got > 0) std::from_chars(text, text + got, pid);
  return pid;
}

}  // namespace

Result<FileLock> FileLock::Acquire(const Path& file, std::string_view what) {
  if (file.has_parent_path()) BANTAM_RETURN_IF_ERROR(MakeFolders(file.parent_path()));
  // O_NONBLOCK: a FIFO in its place must not hang us.
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
  if (!fd.valid()) return ErrnoError("open the lock", file, errno);
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return ErrnoError("lock", file, errno);
    const int pid = PidIn(fd.get());
    return Err(ErrorCode::kConflict, "{} is in use by {}; stop it first, or use another BANTAM_HOME",
               EscapeForTerminal(what, 400), pid > 0 ? fmt::format("process {}", pid) : std::string("another process"));
  }
  // Only for people: a disk too full for it takes nothing from the lock.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) errno = 0;
  return FileLock(std::move(fd));
}

int FileLock::Holder(const Path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return 0;
  // A shared lock is granted when nobody holds the exclusive one; it ends with the descriptor.
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return 0;
  return PidIn(fd.get());
}

}  // namespace bantam
