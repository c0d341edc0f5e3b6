#include "store/staging.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/checked.h"
#include "base/text_util.h"
#include "store/download.h"

namespace bantam {
namespace {

// Whether the locked folder is still the one that has the name: its last owner may have renamed or removed it.
bool IsStill(const UniqueFd& fd, const Path& folder) {
  struct stat locked{}, named{};
  return ::fstat(fd.get(), &locked) == 0 && ::stat(folder.c_str(), &named) == 0 && locked.st_ino == named.st_ino &&
         locked.st_dev == named.st_dev;
}

// One exchange of two folders where the kernel and the file system know it.
bool Exchange(const Path& a, const Path& b) {
  return ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
}

}  // namespace

Result<Staging> Staging::Open(const Path& store, const std::string& name, const std::function<void()>& on_wait,
                              const std::stop_token& stop) {
  const Path folder = FolderOf(store, name);
  for (bool told = false;;) {
    UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT) {
      // Nothing is put into it without the lock: its owner may be removing it.
      BANTAM_RETURN_IF_ERROR(MakeFolders(folder));
      continue;
    }
    if (!fd.valid()) return ErrnoError("open", folder, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
      if (!IsStill(fd, folder)) continue;
      BANTAM_RETURN_IF_ERROR(MakeFolders(folder / "parts"));
      return Staging(store, name, folder, std::move(fd));
    }
    if (errno != EWOULDBLOCK && errno != EINTR) return ErrnoError("lock", folder, errno);
    if (!told && on_wait) on_wait();
    told = true;
    BANTAM_RETURN_IF_ERROR(PauseUnlessStopped(std::chrono::milliseconds(100), stop));
  }
}

uint64_t Staging::HaveOf(const RemoteFile& file) const {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(PartOf(file.digest), error);
  return error || size > file.size ? 0 : size;
}

Status Staging::Arrange(const std::vector<RemoteFile>& files) {
  BANTAM_RETURN_IF_ERROR(RemoveTree(model()));
  BANTAM_RETURN_IF_ERROR(MakeFolders(model()));
  std::map<std::string, int> uses;
  for (const RemoteFile& file : files) ++uses[file.digest.FileName()];
  for (const RemoteFile& file : files) {
    const Path from = PartOf(file.digest), to = model() / file.path;
    BANTAM_RETURN_IF_ERROR(MakeFolders(to.parent_path()));
    if (--uses[file.digest.FileName()] > 0) {
      BANTAM_RETURN_IF_ERROR(LinkOrCopy(from, to));
    } else if (::rename(from.c_str(), to.c_str()) != 0) {
      return ErrnoError("rename to", to, errno);
    }
    if (to.parent_path() != model()) BANTAM_RETURN_IF_ERROR(SyncFolder(to.parent_path()));
  }
  return SyncFolder(model());
}

Status Staging::Publish(bool replace) {
  const Path place = store_ / name_;
  std::error_code ignored;
  if (!replace || !std::filesystem::exists(place, ignored)) {
    if (::rename(model().c_str(), place.c_str()) != 0) return ErrnoError("rename to", place, errno);
  } else if (!Exchange(model(), place)) {
    // Older file systems: for a moment there is neither.
    const Path old = folder_ / "old";
    BANTAM_RETURN_IF_ERROR(RemoveTree(old));
    if (::rename(place.c_str(), old.c_str()) != 0) return ErrnoError("rename", place, errno);
    if (::rename(model().c_str(), place.c_str()) != 0) {
      const int reason = errno;
      ::rename(old.c_str(), place.c_str());
      return ErrnoError("rename to", place, reason);
    }
  }
  BANTAM_RETURN_IF_ERROR(SyncFolder(store_));
  // Whoever has files of the older self open keeps them.
  return RemoveTree(folder_);
}

Result<uint64_t> FreeBytes(const Path& folder) {
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0) return ErrnoError("ask for the free space of", folder, errno);
  const auto bytes = CheckedMul(info.f_bavail, info.f_frsize);
  return bytes.value_or(UINT64_MAX);
}

Status LinkOrCopy(const Path& from, const Path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return Ok();
  // Another file system, one without hard links, or too many of them.
  if (errno != EXDEV && errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK && errno != ENOSYS) {
    return ErrnoError("link to", to, errno);
  }
  std::error_code error;
  std::filesystem::copy_file(from, to, error);
  if (error) return ErrnoError("copy to", to, error.value());
  return Ok();
}

Status RemoveTree(const Path& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) return ErrnoError("remove", folder, error.value());
  return Ok();
}

Status SyncFolder(const Path& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError("open", folder, errno);
  if (::fsync(fd.get()) != 0 && errno != EINVAL) return ErrnoError("sync the folder", folder, errno);
  return Ok();
}

}  // namespace bantam
