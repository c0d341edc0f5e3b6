// A mutex that serves in order of arrival. std::mutex lets the thread that just released it take it again, so a loop of
// long batches could shut the request queue out for its whole length.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace bantam {

// Meets BasicLockable; held for milliseconds, so a condition variable is cheap enough.
class TurnLock {
 public:
  void lock() {
    std::unique_lock guard(mutex_);
    const uint64_t turn = next_++;
    changed_.wait(guard, [&] { return serving_ == turn; });
  }
  // Succeeds only when nobody holds it or waits for it.
  bool try_lock() {
    std::lock_guard guard(mutex_);
    if (serving_ != next_) return false;
    ++next_;
    return true;
  }
  void unlock() {
    std::lock_guard guard(mutex_);
    ++serving_;
    // Inside the lock: a waiter may destroy us as soon as it has its turn.
    if (serving_ != next_) changed_.notify_all();
  }

  // Those who wait, and the one who holds it.
  uint64_t num_turns() {
    std::lock_guard guard(mutex_);
    return next_ - serving_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t next_ = 0;
  uint64_t serving_ = 0;
};

}  // namespace bantam
