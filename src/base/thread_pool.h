// A fixed set of threads that run one parallel loop at a time; the caller is one of them.
//
//   ThreadPool pool(ThreadPool::DefaultThreads());
//   pool.Run(num_tiles, [&](int tile, int worker) { ... });   // returns when all tiles are done
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace bantam {

class ThreadPool {
 public:
  // Starts num_threads - 1 threads (1 starts none).
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return num_threads_; }

  // Calls body(task, worker) once for each task in [0, num_tasks), worker in [0, num_threads()). Tasks are handed out
  // in order to whoever is free. The body must not throw. One Run at a time: callers of different threads take turns.
  template <typename Body>
  void Run(int num_tasks, Body&& body) {
    if (num_tasks <= 0) return;
    if (num_threads_ == 1 || num_tasks == 1) {
      for (int task = 0; task < num_tasks; ++task) body(task, 0);
      return;
    }
    RunErased(
        num_tasks,
        [](void* b, int task, int worker) { (*static_cast<std::remove_reference_t<Body>*>(b))(task, worker); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

  // Processors this process may use: the affinity mask, cut by the cgroup's CPU quota (rounded up), at least 1.
  static int DefaultThreads();

 private:
  using Erased = void (*)(void* body, int task, int worker);
  void RunErased(int num_tasks, Erased call, void* body);
  void WorkerMain(int worker);
  void Work(int worker);

  const int num_threads_;
  std::mutex run_mutex_;  // one Run at a time

  // The current loop: its generation in the upper half, the next task in the lower half. A task is claimed by adding
  // one, which fails if the loop has changed meanwhile; so a worker that was descheduled can come late without harm,
  // and the caller waits for claimed tasks only, not for every worker.
  std::atomic<uint64_t> state_ = kClosed;
  std::atomic<int> num_tasks_ = 0;
  std::atomic<Erased> call_ = nullptr;
  std::atomic<void*> body_ = nullptr;
  std::atomic<int> done_ = 0;
  static constexpr uint64_t kClosed = 0xffff'ffff;  // as next task: none to claim

  std::atomic<bool> stop_ = false;
  std::atomic<int> sleepers_ = 0;
  std::mutex sleep_mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> threads_;
};

}  // namespace bantam
