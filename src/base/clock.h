// Time. Monotonic time for durations and time-outs, wall time only for records that people read.
#pragma once

#include <chrono>
#include <cstdint>

namespace bantam {

using MonotonicTime = std::chrono::steady_clock::time_point;
inline MonotonicTime MonotonicNow() { return std::chrono::steady_clock::now(); }
inline double MillisecondsSince(MonotonicTime start) {
  return std::chrono::duration<double, std::milli>(MonotonicNow() - start).count();
}
// Microseconds since 1970-01-01 UTC.
inline int64_t WallMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace bantam
