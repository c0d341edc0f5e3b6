// DeBERTa's disentangled attention (He et al., 2020): to the scores of content with content are added those of a
// query's content with the key's relative position, and of a key's content with the query's.
#pragma once

#include <span>
#include <vector>

#include "layers/linear.h"
#include "layers/score_bias.h"

namespace bantam {

// DeBERTa-v2's logarithmic buckets: distances up to num_buckets / 2 are themselves, larger ones grow logarithmically so
// that max_position - 1 is num_buckets - 1. With num_buckets <= 0 the distance itself.
int LogBucket(int distance, int num_buckets, int max_position);

// The position of key j for query i is a row of 2 * span relative positions: clamp(bucket(i - j) + span).
class RelativePositions {
 public:
  RelativePositions(int span, int num_buckets, int max_position, int longest_sequence);
  int span() const { return span_; }
  int longest_sequence() const { return longest_sequence_; }
  // rows()[i - j] for |i - j| < longest_sequence.
  const int32_t* rows() const { return rows_.data() + longest_sequence_ - 1; }

 private:
  int span_, longest_sequence_;
  std::vector<int32_t> rows_;
};

// One layer's part: for each head a Linear from head_dim to 2 * span holds the projected relative positions.
class DisentangledBias final : public ScoreBias {
 public:
  // Either list may be empty: content to position, position to content. `scale` as the scores'. The views must outlive
  // the object.
  DisentangledBias(const RelativePositions& positions, std::vector<Linear> keys, std::vector<Linear> queries,
                   float scale);

  size_t ScratchSize(int longest_sequence) const override;
  View Compute(const Kernels& kernels, const Activations& q, const Activations& k, int sequence_length, int head,
               Range rows, float* scratch) const override;

 private:
  const RelativePositions& positions_;
  std::vector<Linear> keys_, queries_;
  float scale_;
};

}  // namespace bantam
