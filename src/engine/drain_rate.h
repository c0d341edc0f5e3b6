// How fast a queue empties, for those who are told to come back: the mean time between two requests that ended.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "base/clock.h"

namespace bantam {

// One thread at a time.
class DrainRate {
 public:
  static constexpr int kMostSeconds = 60;  // clients of OpenAI's take longer waits for none at all

  // The queue was empty until now: the time before says nothing.
  void Start(MonotonicTime now) { last_ = now; }
  void Ended(uint64_t count, MonotonicTime now) {
    if (count == 0) return;
    const double gap = Seconds(now) / static_cast<double>(count);
    // Many that end together count as many, but the last dozen say most.
    double keep = 1;
    for (uint64_t i = 0; i < std::min<uint64_t>(count, 64); ++i) keep *= 1 - 1.0 / 16;
    gap_s_ = known_ ? keep * gap_s_ + (1 - keep) * gap : gap;
    known_ = true;
    last_ = now;
  }
  // After which `ahead` requests will have ended: whole seconds, from 1 to kMostSeconds.
  int RetryAfter(size_t ahead, MonotonicTime now) const {
    // A queue that stands still is not as fast as it was.
    const double gap = std::max(known_ ? gap_s_ : 0.0, Seconds(now));
    const double wait = std::ceil(gap * static_cast<double>(ahead));
    return static_cast<int>(std::clamp(wait, 1.0, static_cast<double>(kMostSeconds)));
  }

 private:
  double Seconds(MonotonicTime now) const {
    return last_ == MonotonicTime{} ? 0 : std::chrono::duration<double>(now - last_).count();
  }
  MonotonicTime last_{};
  double gap_s_ = 0;
  bool known_ = false;
};

}  // namespace bantam
