// Whole files, read and written with errors that name the path. Writes are atomic: a reader sees the old file or the
// new one, and a power cut leaves one of the two.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bantam {

using Path = std::filesystem::path;

// Regular files only (a FIFO or a device is refused without blocking); kTooLarge above `max_bytes`.
Result<std::string> ReadFile(const Path& path, uint64_t max_bytes = uint64_t{256} << 20);

// Writes `path`.partial, fsyncs it, renames it over `path`, fsyncs the folder. Makes missing parent folders.
Status WriteFileAtomic(const Path& path, std::string_view bytes);
// Of pieces one after the other, without a copy of them all.
Status WritePiecesAtomic(const Path& path, std::span<const std::string_view> pieces);

Status MakeFolders(const Path& path);

// Turns the current errno into an error of the fitting code: "cannot WHAT PATH: REASON".
Error ErrnoError(std::string_view what, const Path& path, int error_number);

// Everything or an error; survives EINTR and short writes.
Status WriteAll(int fd, std::string_view bytes, const Path& path_for_errors);

// Owns a file descriptor.
class UniqueFd {
 public:
  explicit UniqueFd(int fd = -1) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

}  // namespace bantam
