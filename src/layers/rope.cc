#include "layers/rope.h"

#include <cmath>

namespace bantam {

void RopeTable::Reserve(int num_positions) {
  if (num_positions <= num_positions_) return;
  const int half = options_.rotary_dim / 2;
  cosines_.resize(static_cast<size_t>(num_positions) * half);
  sines_.resize(cosines_.size());
  for (int i = 0; i < half; ++i) {
    // Frequency and angle are rounded to f32 as the reference has them: at position 8000 that is in the third decimal.
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(options_.rotary_dim);
    const float frequency = 1.0f / static_cast<float>(std::pow(options_.theta, static_cast<double>(exponent)));
    for (int position = num_positions_; position < num_positions; ++position) {
      const float angle = static_cast<float>(position) * frequency;
      const size_t at = static_cast<size_t>(position) * half + i;
      cosines_[at] = static_cast<float>(std::cos(static_cast<double>(angle)));
      sines_[at] = static_cast<float>(std::sin(static_cast<double>(angle)));
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
