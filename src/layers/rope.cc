#include "layers/rope.h"

#include <cmath>

namespace bantam {

std::vector<float> RopeFrequencies(double theta, int rotary_dim) {
  std::vector<float> frequencies(static_cast<size_t>(rotary_dim / 2));
  for (int i = 0; i < rotary_dim / 2; ++i) {
    // Rounded to f32 as the reference has them: at position 8000 that is in the third decimal.
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(rotary_dim);
    frequencies[static_cast<size_t>(i)] = 1.0f / static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
  }
  return frequencies;
}

RopeTable::RopeTable(const RopeOptions& options)
    : options_(options),
      frequencies_(options.frequencies.empty() ? RopeFrequencies(options.theta, options.rotary_dim)
                                               : options.frequencies) {}

void RopeTable::Reserve(int num_positions) {
  if (num_positions <= num_positions_) return;
  const int half = options_.rotary_dim / 2;
  cosines_.resize(static_cast<size_t>(num_positions) * half);
  sines_.resize(cosines_.size());
  for (int i = 0; i < half; ++i) {
    const float frequency = frequencies_[i];
    for (int position = num_positions_; position < num_positions; ++position) {
      const float angle = static_cast<float>(position) * frequency;  // f32 as the reference has it
      const size_t at = static_cast<size_t>(position) * half + i;
      cosines_[at] = static_cast<float>(std::cos(static_cast<double>(angle))) * options_.magnitude;
      sines_[at] = static_cast<float>(std::sin(static_cast<double>(angle))) * options_.magnitude;
    }
  }
  num_positions_ = num_positions;
}

void ApplyRope(const Kernels& kernels, const RopeTable& table, const Activations& x,
               std::span<const int32_t> position_ids, int num_heads, int head_dim) {
  const RopeArgs args{.x = x.values,
                      .x_stride = x.stride,
                      .cosines = table.cosines(),
                      .sines = table.sines(),
                      .position_ids = position_ids.data(),
                      .num_rows = static_cast<int>(position_ids.size()),
                      .num_heads = num_heads,
                      .head_dim = head_dim,
                      .rotary_dim = table.options().rotary_dim};
  kernels.table.rope(&args);
}

}  // namespace bantam
