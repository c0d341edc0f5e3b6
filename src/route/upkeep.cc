#include "route/upkeep.h"

#include <condition_variable>
#include <mutex>

#include "base/log.h"
#include "route/retention.h"

namespace bantam {
namespace {

constexpr std::chrono::minutes kOneRound{10};
constexpr std::chrono::minutes kPauseAfterConflict{10};

// A model that cannot be reached rests as it does for everybody: its circuit breaker says when it is asked again.
void SendQueued(Router& router, const std::stop_token& stop) {
  if (router.file().offline != OfflineRule::kQueue) return;
  const auto waiting = router.CountQueued();
  if (!waiting || *waiting == 0) return;
  int sent = 0;
  const Status status = router.SendQueued([&](const SentQuestion& question) { sent += question.problem.empty(); },
                                          MonotonicNow() + kOneRound, stop);
  if (sent == 0) return;
  Log(LogLevel::kInfo, "{} question{} that waited for a large model {} answered{}", sent, sent == 1 ? "" : "s",
      sent == 1 ? "is" : "are", status ? "" : "; " + status.error().message);
}

}  // namespace

Upkeep::Upkeep(std::function<std::shared_ptr<Router>()> router, std::chrono::milliseconds pause,
               std::function<MonotonicTime()> now)
    : router_(std::move(router)),
      pause_(pause),
      now_(std::move(now)),
      taken_out_(now_()),
      thread_([this](const std::stop_token& stop) { Main(stop); }) {}

void Upkeep::Main(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  while (true) {
    {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, pause_, [] { return false; });
    }
    if (stop.stop_requested()) return;
    const std::shared_ptr<Router> router = router_();
    if (router == nullptr) continue;
    try {
      SendQueued(*router, stop);
      TakeOutOldTexts(*router, stop);
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "what waits and what is old stays until the next look: {}", e.what());
    }
  }
}

void Upkeep::TakeOutOldTexts(Router& router, const std::stop_token& stop) {
  const MonotonicTime now = now_();
  const auto pause = RetentionPause(router.file().audit_retention);
  if (now - taken_out_ < pause) return;
  taken_out_ = now;
  const Status done = router.TakeOutOldTexts(stop);
  if (done || done.error().code == ErrorCode::kCancelled) return;
  if (done.error().code == ErrorCode::kConflict) {  // a challenger is being made
    taken_out_ = now - pause + kPauseAfterConflict;
    return;
  }
  Log(LogLevel::kError, "texts older than audit.retention stay in the state folder: {}", done.error().message);
}

}  // namespace bantam
