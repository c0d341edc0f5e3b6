#include "layers/relative_bias.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/check.h"

namespace bantam {

int LengthBucket(int length, int num_buckets, int max_distance) {
  const int exact = num_buckets / 2;
  if (length < exact) return length;
  // In f32, as the reference computes it: a bucket's border may fall on either side.
  const float place = std::log(static_cast<float>(length) / static_cast<float>(exact)) /
                      static_cast<float>(std::log(static_cast<double>(max_distance) / exact)) *
                      static_cast<float>(num_buckets - exact);
  return std::min(exact + static_cast<int>(place), num_buckets - 1);
}

int RelativeBucket(int distance, int num_buckets, int max_distance) {
  const int half = num_buckets / 2;
  return (distance > 0 ? half : 0) + LengthBucket(std::abs(distance), half, max_distance);
}

RelativeBias::RelativeBias(std::span<const float> table, int num_buckets, int num_heads, int max_distance,
                           int longest_sequence)
    : longest_sequence_(longest_sequence) {
  BANTAM_CHECK(table.size() == static_cast<size_t>(num_buckets) * num_heads);
  const int distances = 2 * longest_sequence - 1;
  by_distance_.resize(static_cast<size_t>(num_heads) * distances);
  for (int d = 0; d < distances; ++d) {
    const int bucket = RelativeBucket(d - (longest_sequence - 1), num_buckets, max_distance);
    for (int head = 0; head < num_heads; ++head) {
      by_distance_[static_cast<size_t>(head) * distances + d] = table[static_cast<size_t>(bucket) * num_heads + head];
    }
  }
}

ScoreBias::View RelativeBias::Compute(const Kernels&, const Activations&, const Activations&,
                                      [[maybe_unused]] int sequence_length, int head, Range rows, float*) const {
  BANTAM_DCHECK(sequence_length <= longest_sequence_);
  const float* distances = by_distance_.data() + static_cast<ptrdiff_t>(head) * (2 * longest_sequence_ - 1);
  return {distances + (longest_sequence_ - 1) - rows.begin, -1};
}

}  // namespace bantam
