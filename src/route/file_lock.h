// One process at a time: an exclusive flock on a file that holds the owner's process id. The kernel lets go of it when
// the owner dies, however it dies; the file stays.
#pragma once

#include <string>

#include "base/file_io.h"

namespace bantam {

class FileLock {
 public:
  // kConflict when it is held, also by this process: "WHAT is in use by process 1234". Makes missing parent folders.
  static Result<FileLock> Acquire(const Path& file, std::string_view what);
  // The process id in the file, when the lock is held; 0 when it is free or nobody knows.
  static int Holder(const Path& file);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace bantam
