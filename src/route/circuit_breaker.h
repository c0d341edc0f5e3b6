// Stops asking an upstream that keeps failing: after `allowed_fails` failures in a row nobody is let through for
// `cooldown`; then one request is, as a trial, and its outcome decides.
#pragma once

#include <algorithm>
#include <mutex>

#include "base/clock.h"

namespace bantam {

// Thread-safe. Each admitted request reports exactly one of Success, Failure, Abandon.
class CircuitBreaker {
 public:
  CircuitBreaker(int allowed_fails, std::chrono::milliseconds cooldown)
      : allowed_fails_(std::max(1, allowed_fails)), cooldown_(cooldown) {}

  bool Admit(MonotonicTime now) {
    std::lock_guard lock(mutex_);
    if (fails_ < allowed_fails_) return true;
    if (now < closed_until_) return false;
    closed_until_ = now + cooldown_;  // one trial at a time
    return true;
  }
  void Success() {
    std::lock_guard lock(mutex_);
    fails_ = 0;
  }
  void Failure(MonotonicTime now) {
    std::lock_guard lock(mutex_);
    if (++fails_ >= allowed_fails_) closed_until_ = now + cooldown_;
  }
  // The request ended without saying anything about the upstream (its client went away): a trial may be repeated at
  // once.
  void Abandon(MonotonicTime now) {
    std::lock_guard lock(mutex_);
    if (fails_ >= allowed_fails_) closed_until_ = now;
  }

 private:
  const int allowed_fails_;
  const std::chrono::milliseconds cooldown_;
  std::mutex mutex_;
  int fails_ = 0;  // in a row
  MonotonicTime closed_until_{};
};

}  // namespace bantam
