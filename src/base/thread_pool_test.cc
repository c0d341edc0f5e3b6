#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <numeric>

namespace bantam {
namespace {

TEST(ThreadPool, EveryTaskRunsOnce) {
  for (int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 300; ++round) {
      const int n = round % 23;
      std::vector<int> hits(static_cast<size_t>(n), 0);
      pool.Run(n, [&](int task, int worker) {
        ASSERT_LT(worker, threads);
        ++hits[static_cast<size_t>(task)];
      });
      for (int hit : hits) ASSERT_EQ(hit, 1);
    }
  }
}

TEST(ThreadPool, WakesSleepers) {
  ThreadPool pool(4);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // longer than the spin
    std::atomic<int> sum = 0;
    pool.Run(100, [&](int task, int) { sum += task; });
    EXPECT_EQ(sum, 4950);
  }
}

TEST(ThreadPool, CallersTakeTurns) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int> total = 0;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) pool.Run(5, [&](int, int) { ++total; });
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(total, 4 * 200 * 5);
}

// More threads than processors, loops that are over before most workers come: a late worker must neither run a task of
// a loop that has ended nor one of the next loop twice.
TEST(ThreadPool, LateWorkersDoNoHarm) {
  ThreadPool pool(8);
  for (int round = 0; round < 5000; ++round) {
    const int n = 2 + round % 7;
    std::array<std::atomic<int>, 9> hits{};
    pool.Run(n, [&hits, round](int task, int) { hits[static_cast<size_t>(task)] += round + 1; });
    for (int task = 0; task < 9; ++task) ASSERT_EQ(hits[static_cast<size_t>(task)], task < n ? round + 1 : 0);
  }
}

TEST(ThreadPool, DefaultIsPositive) { EXPECT_GE(ThreadPool::DefaultThreads(), 1); }

}  // namespace
}  // namespace bantam
