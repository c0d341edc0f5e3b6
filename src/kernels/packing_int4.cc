#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "base/half.h"
#include "kernels/kernel_table.h"
#include "kernels/packing.h"

namespace bantam {
namespace {

// To nearest even for |x| < 2^22, in two additions that the compiler can vectorise.
inline float RoundToNearest(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
  return (x + kMagic) - kMagic;
}

// One group, padded with zeros of no importance.
struct Group {
  float w[kInt4Group] = {};
  float h[kInt4Group] = {};
};

inline float Level(float w, float inverse) { return std::min(std::max(RoundToNearest(w * inverse), -8.0f), 7.0f); }

// With the levels that `inverse` rounds to, the best scale takes away numerator^2 / denominator of the squared error.
struct Fit {
  float numerator = 0, denominator = 0;
};
Fit FitLevels(const Group& group, float inverse) {
  Fit fit;
  for (int i = 0; i < kInt4Group; ++i) {
    const float q = Level(group.w[i], inverse), weighted = group.h[i] * q;
    fit.numerator += weighted * group.w[i];
    fit.denominator += weighted * q;
  }
  return fit;
}

// The scale of least squared error among those that put the largest weight near the end of the range, on either side:
// -8 has no counterpart, so the sign matters.
float BestScale(const Group& group) {
  float largest = 0;
  for (const float w : group.w) {
    if (std::abs(w) > std::abs(largest)) largest = w;
  }
  if (!(std::abs(largest) > 1e-30f)) return 0;
  float best = 0, best_gain = -1;
  for (const float end : {-8.0f, 7.0f}) {
    for (int step = -12; step <= 8; ++step) {
      const Fit fit = FitLevels(group, (end + std::copysign(0.15f * static_cast<float>(step), end)) / largest);
      if (!(fit.denominator > 0)) continue;
      const float gain = fit.numerator * fit.numerator / fit.denominator;
      if (gain > best_gain) best_gain = gain, best = fit.numerator / fit.denominator;
    }
  }
  return best;
}

}  // namespace

int Int4Groups(int in_features) { return (in_features + kInt4Group - 1) / kInt4Group; }

size_t PackedInt4Size(int out_features, int in_features) {
  return static_cast<size_t>(PaddedColumns(out_features)) * Int4RowBytes(in_features);
}

size_t PackedInt4ScaleCount(int out_features, int in_features) {
  return static_cast<size_t>(PaddedColumns(out_features)) * static_cast<size_t>(Int4Groups(in_features));
}

size_t Int4RowBytes(int in_features) { return static_cast<size_t>(Int4Groups(in_features)) * (kInt4Group / 2); }

void QuantizeRowInt4(std::span<const float> row, std::span<const float> importance, std::span<int8_t> out,
                     std::span<uint16_t> scales) {
  BANTAM_CHECK(out.size() == row.size() && (importance.empty() || importance.size() == row.size()));
  BANTAM_CHECK(scales.size() == (row.size() + kInt4Group - 1) / kInt4Group);
  for (size_t g = 0; g < scales.size(); ++g) {
    const size_t begin = g * kInt4Group, count = std::min<size_t>(kInt4Group, row.size() - begin);
    Group group;
    for (size_t i = 0; i < count; ++i) {
      group.w[i] = row[begin + i];
      group.h[i] = importance.empty() ? 1.0f : importance[begin + i];
    }
    scales[g] = FloatToBf16(BestScale(group));
    const float scale = Bf16ToFloat(scales[g]), inverse = scale == 0 ? 0 : 1 / scale;
    for (size_t i = 0; i < count; ++i) out[begin + i] = static_cast<int8_t>(Level(group.w[i], inverse));
  }
}

void PackNibbles(std::span<const int8_t> weights, std::span<uint8_t> packed) {
  for (size_t i = 0; i < weights.size(); i += 2) {
    const int low = weights[i] & 0xf, high = i + 1 < weights.size() ? weights[i + 1] & 0xf : 0;
    packed[i / 2] = static_cast<uint8_t>(low | high << 4);
  }
}

void UnpackNibbles(std::span<const uint8_t> packed, std::span<int8_t> weights) {
  for (size_t i = 0; i < weights.size(); ++i) {
    const int nibble = i % 2 == 0 ? packed[i / 2] & 0xf : packed[i / 2] >> 4;
    weights[i] = static_cast<int8_t>((nibble ^ 8) - 8);
  }
}

float PlaceInt4Row(std::span<const int8_t> row, std::span<const uint16_t> scales, int n, std::span<uint8_t> packed,
                   std::span<uint16_t> group_scale) {
  const size_t groups = scales.size(), panel = static_cast<size_t>(n / kPanelColumns),
               column = static_cast<size_t>(n % kPanelColumns);
  BANTAM_DCHECK((panel + 1) * groups * kPanelColumns <= group_scale.size());
  double total = 0;
  for (size_t g = 0; g < groups; ++g) {
    const size_t group = panel * groups + g, begin = g * kInt4Group;
    group_scale[group * kPanelColumns + column] = scales[g];
    uint8_t* weights = packed.data() + group * (kPanelColumns * kInt4Group / 2);
    int sum = 0;
    for (size_t i = 0; i < kInt4Group && begin + i < row.size(); ++i) {
      const int weight = row[begin + i];
      sum += weight;
      uint8_t& byte = weights[(i / 8 * kPanelColumns + column) * 4 + i % 4];
      byte = static_cast<uint8_t>(byte | (weight & 0xf) << (i % 8 < 4 ? 0 : 4));
    }
    total += static_cast<double>(sum) * Bf16ToFloat(scales[g]);
  }
  return static_cast<float>(total);
}

}  // namespace bantam
