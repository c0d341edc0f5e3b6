// How a batch runs through a model: which sequences go together, and which rows a thread takes at a time.
#pragma once

#include <algorithm>
#include <vector>

#include "layers/parallel.h"
#include "models/encoder.h"

namespace bantam {

// Rows that go through the parts of a layer together: their activations stay in L2.
constexpr int kBlockRows = 48;
// Sequences that go together through all layers on one thread. More tokens read the weights fewer times, fewer keep the
// activations in L2.
constexpr int kGroupTokens = 128;

class BatchPlan {
 public:
  // Cuts the batch into groups of consecutive sequences. With enough of them each thread takes whole groups through all
  // layers without waiting for anybody (side_by_side); a few sequences are rather shared by all threads, layer by
  // layer.
  void Make(const EncoderBatch& batch, int group_tokens, int num_threads);

  std::span<const Range> groups() const { return groups_; }  // of sequences
  bool side_by_side() const { return side_by_side_; }
  int longest_sequence() const { return longest_sequence_; }
  int largest_group() const { return largest_group_; }                     // tokens
  std::span<const int32_t> position_ids() const { return position_ids_; }  // [num_tokens]

  // body(group, lane, parallel) for each group; a lane's buffers belong to one group at a time.
  template <typename Body>
  void ForGroups(ThreadPool& pool, const Body& body) const {
    if (side_by_side_) {
      pool.Run(static_cast<int>(groups_.size()),
               [&](int group, int worker) { body(groups_[group], worker, Parallel::Alone(worker)); });
    } else {
      for (const Range& group : groups_) body(group, 0, Parallel::Over(pool));
    }
  }

 private:
  std::vector<Range> groups_;
  std::vector<int32_t> position_ids_;
  bool side_by_side_ = false;
  int longest_sequence_ = 0;
  int largest_group_ = 0;
};

// body(rows, worker, parallel) over blocks of at most kBlockRows rows, in the block buffers of `worker`. With few rows
// for each thread every thread would read all weights for little work: then the threads share the columns of each
// product instead, at the price of a barrier after each.
template <typename Body>
void ForRows(const Parallel& parallel, int num_rows, const Body& body) {
  constexpr int kMinRowsPerThread = 4;
  const int threads = parallel.num_threads();
  if (threads > 1 && num_rows <= kBlockRows && num_rows < kMinRowsPerThread * threads) {
    body(Range{0, num_rows}, 0, parallel);
    return;
  }
  int parts = (num_rows + kBlockRows - 1) / kBlockRows;
  parts = std::min(num_rows, (parts + threads - 1) / threads * threads);
  parallel.Run(
      parts, [&](int part, int worker) { body(ShareOfRows(num_rows, part, parts), worker, Parallel::Alone(worker)); });
}

}  // namespace bantam
