#include "base/random_bytes.h"

#include <sys/random.h>

#include <cerrno>

#include "base/file_io.h"

namespace bantam {

Status FillRandom(std::span<unsigned char> bytes) {
  for (size_t got = 0; got < bytes.size();) {
    const ssize_t count = ::getrandom(bytes.data() + got, bytes.size() - got, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError("read", "/dev/urandom", errno);
    got += static_cast<size_t>(count);
  }
  return Ok();
}

}  // namespace bantam
