// Where a layer's loop runs: over all threads of a pool, or on the calling thread alone (when the pool is already busy
// with whole sequences side by side).
#pragma once

#include "base/thread_pool.h"

namespace bantam {

class Parallel {
 public:
  static Parallel Over(ThreadPool& pool) { return Parallel(&pool, 0, pool.num_threads()); }
  static Parallel Alone(int worker) { return Parallel(nullptr, worker, 1); }

  int num_threads() const { return num_threads_; }

  // body(task, worker) for each task; `worker` picks per-thread scratch.
  template <typename Body>
  void Run(int num_tasks, Body&& body) const {
    if (pool_ != nullptr) {
      pool_->Run(num_tasks, body);
    } else {
      for (int task = 0; task < num_tasks; ++task) body(task, worker_);
    }
  }

 private:
  Parallel(ThreadPool* pool, int worker, int num_threads) : pool_(pool), worker_(worker), num_threads_(num_threads) {}
  ThreadPool* pool_;
  int worker_;
  int num_threads_;
};

// The share of `part` out of `parts` nearly equal ones of [0, total).
struct Range {
  int begin, end;
  int size() const { return end - begin; }
};
inline Range ShareOf(int total, int part, int parts) {
  const auto bound = [&](int64_t i) { return static_cast<int>(i * total / parts); };
  return {bound(part), bound(part + 1)};
}

// The same, but that shares of several tiles are whole tiles: products are fastest in tiles of six rows.
inline Range ShareOfRows(int total, int part, int parts) {
  constexpr int kTile = 6, kLeastTiles = 4;
  const int tiles = (total + kTile - 1) / kTile;
  if (tiles < kLeastTiles * parts) return ShareOf(total, part, parts);
  const Range share = ShareOf(tiles, part, parts);
  return {share.begin * kTile, std::min(total, share.end * kTile)};
}

}  // namespace bantam
