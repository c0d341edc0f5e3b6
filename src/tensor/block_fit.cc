#include "tensor/block_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace bantam {
namespace {

constexpr size_t kMost = 32;  // weights of one scale
constexpr int kRefinements = 3;

int Nearest(float x, int lowest, int highest) {
  return static_cast<int>(std::nearbyint(std::clamp(x, static_cast<float>(lowest), static_cast<float>(highest))));
}

}  // namespace

void RoundToLevels(std::span<const float> x, float scale, float offset, int lowest, int highest,
                   std::span<int8_t> levels) {
  // A scale too small for its reciprocal counts as none.
  const float inverse = std::abs(scale) > 1e-30f ? 1 / scale : 0;
  for (size_t i = 0; i < x.size(); ++i) {
    levels[i] = static_cast<int8_t>(Nearest((x[i] - offset) * inverse, lowest, highest));
  }
}

SymmetricFit FitSymmetric(const WeightedValues& values, int lowest, int highest) {
  const auto [x, importance] = values;
  BANTAM_CHECK(x.size() <= kMost && importance.size() == x.size());
  float largest = 0;
  double energy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::abs(x[i]) > std::abs(largest)) largest = x[i];
    energy += static_cast<double>(importance[i]) * x[i] * x[i];
  }
  if (largest == 0 || energy == 0) return {0, energy};
  // sum w (x - s q)^2 = energy - (sum w x q)^2 / sum w q^2 at the best s.
  SymmetricFit best{0, energy};
  const auto consider = [&](float scale) {
    const float inverse = 1 / scale;
    float xq = 0, qq = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const auto q = static_cast<float>(Nearest(x[i] * inverse, lowest, highest));
      xq += importance[i] * x[i] * q;
      qq += importance[i] * q * q;
    }
    if (qq <= 0 || xq == 0) return scale;
    const float improved = xq / qq;
    const double error = energy - static_cast<double>(xq) * xq / qq;
    if (error < best.error) best = {improved, error};
    return improved;
  };
  // The largest weight at the end of the levels, or somewhat beyond them, on either side.
  for (const int end : {lowest, highest}) {
    const float span = static_cast<float>(end);
    for (int step = -6; step <= 10; ++step) {
      float scale = largest / (span * (1 + 0.025f * static_cast<float>(step)));
      for (int i = 0; i < kRefinements; ++i) {
        const float improved = consider(scale);
        if (improved == scale) break;
        scale = improved;
      }
    }
  }
  return best;
}

AffineFit FitAffine(const WeightedValues& values, int highest) {
  const auto [x, importance] = values;
  BANTAM_CHECK(x.size() <= kMost && importance.size() == x.size());
  float low = 0, high = 0;  // a minimum above zero cannot be said
  double energy = 0, sum_w = 0, sum_x = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
    const double w = importance[i];
    energy += w * x[i] * x[i];
    sum_w += w;
    sum_x += w * x[i];
  }
  if (high == low || energy == 0) {
    return {0, 0, energy};
  }
  AffineFit best{0, 0, energy};
  const auto consider = [&](AffineFit& fit) {
    std::array<int8_t, kMost> levels;
    RoundToLevels(x, fit.scale, -fit.minimum, 0, highest, std::span(levels).first(x.size()));
    double q1 = 0, q2 = 0, xq = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double w = importance[i], q = levels[i];
      q1 += w * q;
      q2 += w * q * q;
      xq += w * q * x[i];
    }
    // Least squares of scale and offset, and of the scale alone where the offset would be above zero.
    const double determinant = sum_w * q2 - q1 * q1;
    double scale = q2 > 0 ? xq / q2 : 0, offset = 0;
    if (determinant > 1e-12 * sum_w * q2) {
      const double both = (sum_w * xq - q1 * sum_x) / determinant, at = (sum_x - both * q1) / sum_w;
      if (at < 0) scale = both, offset = at;
    }
    if (q2 == 0) {
      // All alike but for what one level cannot tell: an offset alone.
      scale = fit.scale;
      offset = std::min(sum_x / sum_w, 0.0);
    }
    if (scale <= 0) return false;
    const double error = energy - 2 * scale * xq - 2 * offset * sum_x + scale * scale * q2 + 2 * scale * offset * q1 +
                         offset * offset * sum_w;
    const AffineFit improved{static_cast<float>(scale), static_cast<float>(-offset), error};
    if (error < best.error) best = improved;
    const bool moved = improved.scale != fit.scale || improved.minimum != fit.minimum;
    fit = improved;
    return moved;
  };
  // The range of the weights, and narrower ones at either end.
  const float range = high - low;
  for (int cut_low = -1; cut_low <= 3; ++cut_low) {
    for (int cut_high = -1; cut_high <= 3; ++cut_high) {
      const float from = std::min(low + 0.04f * static_cast<float>(cut_low) * range, 0.0f);
      const float to = high - 0.04f * static_cast<float>(cut_high) * range;
      if (to <= from) continue;
      AffineFit fit{(to - from) / static_cast<float>(highest), -from, 0};
      for (int i = 0; i < kRefinements && consider(fit); ++i) {
      }
    }
  }
  return best;
}

}  // namespace bantam
