#include "cli/signal_stop.h"

#include <pthread.h>
#include <unistd.h>

#include <ctime>

namespace bantam::cli {

SignalStop::SignalStop() {
  sigset_t wanted{};
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &wanted, &before_);
  watcher_ = std::jthread([this, wanted](const std::stop_token& done) {
    const timespec look{.tv_sec = 0, .tv_nsec = 50'000'000};
    while (!done.stop_requested()) {
      const int signal = ::sigtimedwait(&wanted, nullptr, &look);
      if (signal != SIGINT && signal != SIGTERM) continue;
      if (source_.stop_requested()) ::_exit(128 + signal);
      source_.request_stop();
    }
  });
}

SignalStop::~SignalStop() {
  watcher_.request_stop();
  watcher_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace bantam::cli
