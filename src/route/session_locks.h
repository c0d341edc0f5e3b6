// Turns of one conversation happen one after the other, however many connections they come by.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"

namespace bantam {

// Thread-safe. Costs one map look-up a turn; nothing is kept for a conversation that nobody is in.
class SessionLocks {
 public:
  // More turns of one conversation than this would hold up the server's threads.
  static constexpr int kMostWaiting = 4;

  class Guard {
   public:
    Guard() = default;  // holds nothing
    Guard(SessionLocks* locks, std::string session) : locks_(locks), session_(std::move(session)) {}
    Guard(Guard&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), session_(std::move(other.session_)) {}
    Guard& operator=(Guard&& other) noexcept {
      std::swap(locks_, other.locks_);
      std::swap(session_, other.session_);
      return *this;
    }
    ~Guard() {
      if (locks_ != nullptr) locks_->Release(session_);
    }

   private:
    SessionLocks* locks_ = nullptr;
    std::string session_;
  };

  // Waits its turn. kOverloaded at once when kMostWaiting wait already; kDeadline; kCancelled.
  Result<Guard> Acquire(const std::string& session, MonotonicTime deadline, std::stop_token stop);
  size_t size() const;

 private:
  struct Entry {
    bool busy = false;
    int waiting = 0;
    std::condition_variable_any free;
  };
  void Release(const std::string& session);

  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<Entry>> entries_;
};

}  // namespace bantam
