#include "route/queue_sender.h"

#include <condition_variable>
#include <mutex>

#include "base/log.h"

namespace bantam {
namespace {

constexpr std::chrono::minutes kOneRound{10};

}  // namespace

QueueSender::QueueSender(std::function<std::shared_ptr<Router>()> router, std::chrono::milliseconds pause)
    : router_(std::move(router)), pause_(pause), thread_([this](const std::stop_token& stop) { Main(stop); }) {}

void QueueSender::Main(const std::stop_token& stop) const {
  std::mutex mutex;
  std::condition_variable_any wake;
  while (true) {
    {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, pause_, [] { return false; });
    }
    if (stop.stop_requested()) return;
    Send(stop);
  }
}

// A model that cannot be reached rests as it does for everybody: its circuit breaker says when it is asked again.
void QueueSender::Send(const std::stop_token& stop) const {
  const std::shared_ptr<Router> router = router_();
  if (router == nullptr || router->file().offline != OfflineRule::kQueue) return;
  const auto waiting = router->CountQueued();
  if (!waiting || *waiting == 0) return;
  int sent = 0;
  const Status status = router->SendQueued([&](const SentQuestion& question) { sent += question.problem.empty(); },
                                           MonotonicNow() + kOneRound, stop);
  if (sent == 0) return;
  Log(LogLevel::kInfo, "{} question{} that waited for a large model {} answered{}", sent, sent == 1 ? "" : "s",
      sent == 1 ? "is" : "are", status ? "" : "; " + status.error().message);
}

}  // namespace bantam
