// One request and its reply, as the session that reads it and the responder that answers it share them. Neither Asio
// nor Beast: they stay in the files of the session and the server, because they take longer to compile than everything
// else in the room together.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "api/http_types.h"

namespace bantam {

// The half of an exchange that a worker may outlive: shared by the session and the responder.
struct Exchange {
  HttpRequest request;
  std::stop_source stop;
  bool keep_alive = true;
  int minor_version = 1;
  bool head_only = false;    // HEAD: the body is not sent
  bool holds_drain = false;  // work for which the end of a drain waits
  std::atomic<int> status = 0;
  uint64_t sent_bytes = 0;  // on the I/O thread

  // Streaming: bytes handed to the session and not yet written. `gone` wakes a blocked writer.
  std::mutex mutex;
  std::condition_variable drained;
  size_t pending = 0;
  bool gone = false;
};

// Replies that their handlers still owe. The server outlives them all.
class LateReplies {
 public:
  void Begin() {
    std::lock_guard lock(mutex_);
    ++count_;
  }
  void End() {
    std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();  // inside the lock: whoever waits destroys us
  }
  void WaitForAll() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [&] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  int count_ = 0;
};

}  // namespace bantam
