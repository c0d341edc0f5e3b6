// For tests only: a disk of a megabyte, which fills up when it is told to.
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/testing.h"

namespace bantam::testing {

// A tmpfs in a mount namespace of this thread and those that it starts later. Needs the right to mount; `mounted` says.
class SmallDisk {
 public:
  explicit SmallDisk(const char* size = "1m") {
    mounted_ = ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, fmt::format("size={}", size).c_str()) == 0;
    if (!mounted_) why_ = std::strerror(errno);
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  const std::string& why() const { return why_; }
  Path operator/(std::string_view name) const { return folder_ / name; }

  void Fill() const {
    std::ofstream ballast(folder_ / "ballast", std::ios::app);
    for (const size_t piece : {4096, 512, 1}) {
      while (ballast.write(std::string(piece, 'x').data(), static_cast<std::streamsize>(piece)).flush()) {
      }
      ballast.clear();
    }
  }
  void MakeRoom() const { std::filesystem::remove(folder_ / "ballast"); }
  bool ReadOnly(bool read_only) const {
    return ::mount("none", folder_.path().c_str(), nullptr, MS_REMOUNT | (read_only ? MS_RDONLY : 0), nullptr) == 0;
  }

 private:
  TempFolder folder_;
  bool mounted_ = false;
  std::string why_;
};

}  // namespace bantam::testing

#define BANTAM_REQUIRE_SMALL_DISK(variable) \
  ::bantam::testing::SmallDisk variable;    \
  if (!variable.mounted()) GTEST_SKIP() << "cannot mount a small tmpfs: " << variable.why()
