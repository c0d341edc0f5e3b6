// For tests only: the most bytes that were allocated with `new` at one time, above what was allocated at the start.
// Counts the calling thread. Under a sanitizer, which brings its own allocator, it counts nothing and PeakBytes() is 0.
#pragma once

#include <cstddef>

namespace bantam::testing {

class AllocationMeter {
 public:
  AllocationMeter();
  ~AllocationMeter();
  static size_t PeakBytes();
};

}  // namespace bantam::testing
