// Asks the large models, now and then, what waits for them under offline: queue, as long as it lives.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "route/router.h"

namespace bantam {

class QueueSender {
 public:
  // `router`: the one in force, which a reload may replace; called on the sender's thread.
  explicit QueueSender(std::function<std::shared_ptr<Router>()> router,
                       std::chrono::milliseconds pause = std::chrono::milliseconds(2'000));
  // Ends a question that is under way; it stays in the queue.
  ~QueueSender() = default;

 private:
  void Main(const std::stop_token& stop) const;
  void Send(const std::stop_token& stop) const;

  const std::function<std::shared_ptr<Router>()> router_;
  const std::chrono::milliseconds pause_;
  std::jthread thread_;
};

}  // namespace bantam
