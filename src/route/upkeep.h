// What a served assistant needs now and then, for as long as this lives: the large models are asked what waits for them
// under offline: queue, and texts older than audit.retention are taken out.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "route/router.h"

namespace bantam {

class Upkeep {
 public:
  // `router`: the one in force, which a reload may replace; called on the thread of this. A look at what there is to do
  // is taken after each pause.
  explicit Upkeep(std::function<std::shared_ptr<Router>()> router,
                  std::chrono::milliseconds pause = std::chrono::milliseconds(2'000),
                  std::function<MonotonicTime()> now = MonotonicNow);
  // Ends a question that is under way, which stays in the queue, and a purge.
  ~Upkeep() = default;

 private:
  void Main(const std::stop_token& stop);
  void TakeOutOldTexts(Router& router, const std::stop_token& stop);

  const std::function<std::shared_ptr<Router>()> router_;
  const std::chrono::milliseconds pause_;
  const std::function<MonotonicTime()> now_;
  MonotonicTime taken_out_;  // when that was done; of the thread
  std::jthread thread_;
};

}  // namespace bantam
