#include "layers/disentangled_bias.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/check.h"

namespace bantam {

int LogBucket(int distance, int num_buckets, int max_position) {
  const int length = std::abs(distance), middle = num_buckets / 2;
  if (num_buckets <= 0 || length <= middle) return distance;
  // In f32, as the reference computes it.
  const float place = std::ceil(std::log(static_cast<float>(length) / static_cast<float>(middle)) /
                                std::log(static_cast<float>(max_position - 1) / static_cast<float>(middle)) *
                                static_cast<float>(middle - 1));
  const int bucket = static_cast<int>(place) + middle;
  return distance < 0 ? -bucket : bucket;
}

RelativePositions::RelativePositions(int span, int num_buckets, int max_position, int longest_sequence)
    : span_(span), longest_sequence_(longest_sequence), rows_(static_cast<size_t>(2 * longest_sequence - 1)) {
  for (int distance = 1 - longest_sequence; distance < longest_sequence; ++distance) {
    rows_[static_cast<size_t>(distance + longest_sequence - 1)] =
        std::clamp(LogBucket(distance, num_buckets, max_position) + span, 0, 2 * span - 1);
  }
}

DisentangledBias::DisentangledBias(const RelativePositions& positions, std::vector<Linear> keys,
                                   std::vector<Linear> queries, float scale)
    : positions_(positions), keys_(std::move(keys)), queries_(std::move(queries)), scale_(scale) {}

size_t DisentangledBias::ScratchSize(int longest_sequence) const {
  const auto length = static_cast<size_t>(longest_sequence), width = static_cast<size_t>(2 * positions_.span());
  return length * length + 2 * length * width;
}

ScoreBias::View DisentangledBias::Compute(const Kernels& kernels, const Activations& q, const Activations& k,
                                          int sequence_length, int head, Range rows, float* scratch) const {
  BANTAM_DCHECK(sequence_length <= positions_.longest_sequence());
  const ptrdiff_t width = 2 * positions_.span(), length = sequence_length;
  const int32_t* position = positions_.rows();
  // Short sequences meet few of the positions: only the panels that hold those are computed.
  const Range panels{position[1 - sequence_length] / kPanelColumns, position[sequence_length - 1] / kPanelColumns + 1};
  float* bias = scratch;
  const Activations to_position{.values = bias + rows.size() * length, .stride = width};
  const Activations to_content{.values = to_position.values + rows.size() * width, .stride = width};
  if (!keys_.empty()) {
    ApplyLinear(kernels, keys_[static_cast<size_t>(head)], q.From(rows.begin), to_position, rows.size(), panels);
  }
  if (!queries_.empty()) {
    ApplyLinear(kernels, queries_[static_cast<size_t>(head)], k, to_content, sequence_length, panels);
  }
  for (int i = 0; i < rows.size(); ++i) {
    float* out = bias + i * length;
    std::fill(out, out + length, 0.0f);
    const int query = rows.begin + i;
    if (!keys_.empty()) {
      const float* scores = to_position.values + i * width;
      for (int j = 0; j < sequence_length; ++j) out[j] = scale_ * scores[position[query - j]];
    }
    if (!queries_.empty()) {
      for (int j = 0; j < sequence_length; ++j) out[j] += scale_ * to_content.values[j * width + position[query - j]];
    }
  }
  return {bias, length};
}

}  // namespace bantam
