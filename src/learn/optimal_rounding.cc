// With the inverse H^-1 = U^T U of the moments (U upper), fixing weight i at q costs (w - q)^2 / U[i,i]^2 and the best
// that the later ones can do is w[j] -= (w - q) / U[i,i] * U[i,j]. H = R R^T with an upper R gives U = R^-1 without
// ever making H^-1.
#include "learn/optimal_rounding.h"

#include <algorithm>
#include <cmath>

#include "base/half.h"
#include "kernels/kernel_table.h"
#include "kernels/packing.h"
#include "learn/triangular.h"

namespace bantam {
namespace {

// Inputs that never moved in the sample may move tomorrow: a hundredth of the mean square is added to each.
constexpr double kDamping = 0.01;

}  // namespace

OptimalRounding::OptimalRounding(std::span<const float> moments, int in_features)
    : size_(static_cast<size_t>(in_features)), spread_(size_ * size_), importance_(size_) {
  std::vector<double> h(moments.begin(), moments.end());
  double mean = 0;
  for (size_t i = 0; i < size_; ++i) mean += h[i * size_ + i] / static_cast<double>(size_);
  for (size_t i = 0; i < size_; ++i) h[i * size_ + i] += kDamping * mean + 1e-12;
  FactorUpper(h, size_);
  const std::vector<double> u = InvertUpper(h, size_);
  double largest = 0;
  for (size_t i = 0; i < size_; ++i) largest = std::max(largest, 1 / u[i * size_ + i]);
  for (size_t i = 0; i < size_; ++i) {
    const double diagonal = u[i * size_ + i];
    // Relative, so that squares stay in the range of floats.
    importance_[i] = static_cast<float>(std::max(1 / (diagonal * largest) / (diagonal * largest), 1e-12));
    for (size_t j = i; j < size_; ++j) spread_[i * size_ + j] = static_cast<float>(u[i * size_ + j] / diagonal);
  }
}

void OptimalRounding::Round(std::span<float> row, std::span<int8_t> levels, std::span<uint16_t> scales) const {
  for (size_t g = 0; g < scales.size(); ++g) {
    const size_t begin = g * kInt4Group, end = std::min(size_, begin + kInt4Group);
    // The scale is chosen when the group's weights have taken over what the earlier groups left them.
    QuantizeRowInt4(row.subspan(begin, end - begin), std::span(importance_).subspan(begin, end - begin),
                    levels.subspan(begin, end - begin), scales.subspan(g, 1));
    const float scale = Bf16ToFloat(scales[g]), inverse = scale == 0 ? 0 : 1 / scale;
    for (size_t i = begin; i < end; ++i) {
      const float level = std::clamp(std::nearbyint(row[i] * inverse), -8.0f, 7.0f);
      levels[i] = static_cast<int8_t>(level);
      const float error = row[i] - level * scale;
      const float* spread = spread_.data() + i * size_;
      for (size_t j = i + 1; j < size_; ++j) row[j] -= error * spread[j];
    }
  }
}

}  // namespace bantam
