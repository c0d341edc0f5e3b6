// Ctrl-C and SIGTERM as a stop token, for work that ends in order when it is asked to.
#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace bantam::cli {

// Make it before other threads: they inherit that the two signals are blocked. A second signal ends the process.
class SignalStop {
 public:
  SignalStop();
  ~SignalStop();
  SignalStop(const SignalStop&) = delete;
  SignalStop& operator=(const SignalStop&) = delete;
  std::stop_token token() const { return source_.get_token(); }

 private:
  sigset_t before_{};
  std::stop_source source_;
  std::jthread watcher_;  // last: it uses the rest
};

}  // namespace bantam::cli
