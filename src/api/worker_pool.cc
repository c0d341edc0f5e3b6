#include "api/worker_pool.h"

#include <exception>
#include <system_error>

#include "base/log.h"

namespace bantam {

WorkerPool::WorkerPool(int max_workers, size_t max_queued)
    : max_workers_(static_cast<size_t>(max_workers)), max_queued_(max_queued) {}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    jobs_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::TryPost(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    // Idle workers take a job at once, so the limit counts only jobs that have to wait.
    const size_t idle = max_workers_ - static_cast<size_t>(busy_);
    if (stop_ || jobs_.size() >= max_queued_ + idle) return false;
    if (jobs_.size() + static_cast<size_t>(busy_) >= threads_.size() && threads_.size() < max_workers_) {
      try {
        threads_.emplace_back([this] { WorkerMain(); });
      } catch (const std::system_error& e) {  // the system has no more of them: those that there are do it
        if (threads_.empty()) return false;
        Log(LogLevel::kWarning, "no thread more than {} for requests: {}", threads_.size(), e.what());
      }
    }
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

size_t WorkerPool::queued() const {
  std::lock_guard lock(mutex_);
  return jobs_.size();
}

int WorkerPool::busy() const {
  std::lock_guard lock(mutex_);
  return busy_;
}

void WorkerPool::WorkerMain() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    ++busy_;
    lock.unlock();
    try {
      job();
    } catch (const std::exception& e) {  // handlers have their own door; this one keeps the thread alive
      Log(LogLevel::kError, "a worker caught: {}", e.what());
    }
    job = nullptr;
    lock.lock();
    --busy_;
  }
}

}  // namespace bantam
