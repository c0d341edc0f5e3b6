// Gives the system back what the allocator keeps of work that is over: with an arena for each thread that is as much as
// every one of them needed at its busiest. Once when the work has ended, and now and then while it goes on.
//
//   tidy.Worked();                                 // something was done
//   if (tidy.IsDue(now, idle)) TrimAllocator();    // a second later, on a thread that may wait
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace bantam {

class HeapTidy {
 public:
  static constexpr std::chrono::seconds kBusyEvery{10};

  void Worked() { ++work_; }
  // idle: nothing is being done. True once for what was done since it was true last.
  bool IsDue(MonotonicTime now, bool idle) {
    if (work_ == tidied_ || (!idle && now < next_)) return false;
    tidied_ = work_;
    next_ = now + kBusyEvery;
    return true;
  }

 private:
  uint64_t work_ = 0, tidied_ = 0;
  MonotonicTime next_{};
};

// Milliseconds for a heap of gigabytes; others wait for their arena's turn. Nothing where the C library cannot.
void TrimAllocator();

}  // namespace bantam
