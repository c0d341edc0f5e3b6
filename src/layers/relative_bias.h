// One learned number for each head and distance between query and key (T5's buckets, as MPNet has them).
#pragma once

#include <span>
#include <vector>

#include "layers/score_bias.h"

namespace bantam {

// Which of num_buckets a distance key - query falls into: half of them for each direction, the first half of those one
// distance each, the rest growing logarithmically up to max_distance.
int RelativeBucket(int distance, int num_buckets, int max_distance);

// The same for distances of one direction, which have all the buckets.
int LengthBucket(int length, int num_buckets, int max_distance);

class RelativeBias final : public ScoreBias {
 public:
  // table: [num_buckets, num_heads]; longest_sequence bounds what Compute is asked for.
  RelativeBias(std::span<const float> table, int num_buckets, int num_heads, int max_distance, int longest_sequence);

  size_t ScratchSize(int) const override { return 0; }
  View Compute(const Kernels& kernels, const Activations& q, const Activations& k, int sequence_length, int head,
               Range rows, float* scratch) const override;

 private:
  int longest_sequence_;
  // [num_heads, 2 * longest_sequence - 1] by distance: a query's row is the previous one's, one place further left.
  std::vector<float> by_distance_;
};

}  // namespace bantam
