// How many of our requests may be under way at once. Those beyond it wait their turn, for a while.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/clock.h"

namespace bantam {

// Thread-safe; outlives its slots.
class ParallelLimit {
 public:
  explicit ParallelLimit(int most) : free_(most) {}

  // Held until it is destroyed; an empty one is false.
  class Slot {
   public:
    Slot() = default;
    explicit Slot(ParallelLimit& limit) : limit_(&limit) {}
    Slot(Slot&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)) {}
    ~Slot() {
      if (limit_ != nullptr) limit_->Release();
    }
    explicit operator bool() const { return limit_ != nullptr; }

   private:
    ParallelLimit* limit_ = nullptr;
  };

  // An empty slot when none became free in time, or `stop` was requested.
  Slot Acquire(MonotonicTime until, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!freed_.wait_until(lock, stop, until, [this] { return free_ > 0; })) return Slot();
    --free_;
    return Slot(*this);
  }

 private:
  void Release() {
    {
      const std::lock_guard lock(mutex_);
      ++free_;
    }
    freed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable_any freed_;
  int free_;
};

}  // namespace bantam
