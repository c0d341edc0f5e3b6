// Workers spin for a short while after each loop, because the next layer's loop usually follows within microseconds,
// and sleep on a condition variable after that, so that an idle process uses no CPU.
#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <string>

#include "base/check.h"

namespace bantam {
namespace {

constexpr auto kSpin = std::chrono::microseconds(50);

inline void CpuRelax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// The quota of one cgroup folder as a number of processors, or infinity.
double CgroupQuota(const std::string& folder) {
  std::string first, second;
  if (std::ifstream v2(folder + "/cpu.max"); v2 >> first >> second) {
    if (first == "max") return INFINITY;
    try {
      return std::stod(first) / std::stod(second);
    } catch (const std::exception&) {
      return INFINITY;
    }
  }
  double quota = 0, period = 0;
  std::ifstream v1_quota(folder + "/cpu.cfs_quota_us"), v1_period(folder + "/cpu.cfs_period_us");
  if (v1_quota >> quota && v1_period >> period && quota > 0 && period > 0) return quota / period;
  return INFINITY;
}

// The tightest quota from our own cgroup up to the root; a container usually sees its own group as the root.
double TightestCgroupQuota() {
  double tightest = std::min(CgroupQuota("/sys/fs/cgroup"), CgroupQuota("/sys/fs/cgroup/cpu"));
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::", 0) != 0) continue;
    std::string path = line.substr(3);
    while (path.size() > 1) {
      tightest = std::min(tightest, CgroupQuota("/sys/fs/cgroup" + path));
      path.resize(path.rfind('/'));
    }
  }
  return tightest;
}

}  // namespace

int ThreadPool::DefaultThreads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int processors = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) processors = std::max(1, CPU_COUNT(&set));
  const double quota = TightestCgroupQuota();
  if (std::isfinite(quota)) processors = std::min(processors, std::max(1, static_cast<int>(std::ceil(quota))));
  return processors;
}

ThreadPool::ThreadPool(int num_threads) : num_threads_(std::max(1, num_threads)) {
  for (int worker = 1; worker < num_threads_; ++worker) threads_.emplace_back([this, worker] { WorkerMain(worker); });
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  {
    std::lock_guard lock(sleep_mutex_);
    wake_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Work(int worker) {
  while (true) {
    uint64_t state = state_.load();
    const auto task = static_cast<uint32_t>(state);
    // Acquire: whoever reads a later loop's values here also sees that state_ was closed before they were written, and
    // fails to claim below.
    if (task == kClosed || task >= static_cast<uint32_t>(num_tasks_.load(std::memory_order_acquire))) return;
    const Erased call = call_.load(std::memory_order_acquire);
    void* const body = body_.load(std::memory_order_acquire);
    if (!state_.compare_exchange_weak(state, state + 1)) continue;
    call(body, static_cast<int>(task), worker);
    done_.fetch_add(1, std::memory_order_release);
  }
}

void ThreadPool::RunErased(int num_tasks, Erased call, void* body) {
  std::lock_guard run_lock(run_mutex_);
  const uint64_t generation = state_.load() >> 32;
  state_ = generation << 32 | kClosed;
  num_tasks_.store(num_tasks, std::memory_order_release);
  call_.store(call, std::memory_order_release);
  body_.store(body, std::memory_order_release);
  done_.store(0, std::memory_order_relaxed);  // all tasks of the last loop are done: nobody else writes it now
  state_ = (generation + 1) << 32;            // opens the loop
  if (sleepers_ > 0) {
    std::lock_guard lock(sleep_mutex_);
    wake_.notify_all();
  }
  Work(0);
  for (int spins = 0; done_.load(std::memory_order_acquire) != num_tasks; ++spins) {
    if (spins > 1000) std::this_thread::yield();  // a worker was descheduled: let it run
    CpuRelax();
  }
}

void ThreadPool::WorkerMain(int worker) {
  const auto generation = [&] { return state_.load() >> 32; };
  uint64_t seen = 0;
  while (true) {
    const auto until = std::chrono::steady_clock::now() + kSpin;
    for (int spins = 0; generation() == seen && !stop_; ++spins) {
      CpuRelax();
      if ((spins & 63) != 63 || std::chrono::steady_clock::now() < until) continue;
      std::unique_lock lock(sleep_mutex_);
      ++sleepers_;
      wake_.wait(lock, [&] { return generation() != seen || stop_; });
      --sleepers_;
    }
    if (stop_) return;
    seen = generation();
    Work(worker);
  }
}

}  // namespace bantam
