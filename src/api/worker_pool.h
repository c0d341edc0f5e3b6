// Threads that run HTTP handlers, behind a bounded queue: handlers may block on the engine or on an upstream. A thread
// starts when there is work for it, and stays.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bantam {

class WorkerPool {
 public:
  WorkerPool(int max_workers, size_t max_queued);
  ~WorkerPool();  // waits for the running jobs; queued ones are dropped
  // False when the queue is full; the job is then not run.
  bool TryPost(std::function<void()> job);
  size_t queued() const;
  int busy() const;

 private:
  void WorkerMain();
  const size_t max_workers_, max_queued_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  int busy_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace bantam
