#include "kernels/packing.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "kernels/kernel_table.h"

namespace bantam {
namespace {

// To nearest even for |x| < 2^22, in two additions that the compiler can vectorise: nearbyint is a library call on the
// baseline, and a model has millions of weights.
inline float RoundToNearest(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: the sum's last bit is worth 1
  return (x + kMagic) - kMagic;
}

}  // namespace

int PaddedColumns(int out_features) { return (out_features + kPanelColumns - 1) / kPanelColumns * kPanelColumns; }

int PaddedInt8Features(int in_features) { return (in_features + kInt8KGroup - 1) / kInt8KGroup * kInt8KGroup; }

size_t PackedF32Size(int out_features, int in_features) {
  return static_cast<size_t>(PaddedColumns(out_features)) * static_cast<size_t>(in_features);
}

size_t PackedInt8Size(int out_features, int in_features) {
  return static_cast<size_t>(PaddedColumns(out_features)) * static_cast<size_t>(PaddedInt8Features(in_features));
}

void PackF32(std::span<const float> weight, int out_features, int in_features, std::span<float> packed) {
  BANTAM_CHECK(packed.size() == PackedF32Size(out_features, in_features));
  std::fill(packed.begin(), packed.end(), 0.0f);
  // In blocks of 16 k: the 4 KB that they fill stay in L1 while the panel's 64 rows are read.
  constexpr int kBlock = 16;
  for (int panel = 0; panel < out_features; panel += kPanelColumns) {
    const int columns = std::min(kPanelColumns, out_features - panel);
    float* target = packed.data() + static_cast<size_t>(panel) * in_features;
    for (int begin = 0; begin < in_features; begin += kBlock) {
      const int end = std::min(begin + kBlock, in_features);
      for (int c = 0; c < columns; ++c) {
        const float* row = weight.data() + static_cast<size_t>(panel + c) * in_features;
        for (int k = begin; k < end; ++k) target[static_cast<size_t>(k) * kPanelColumns + c] = row[k];
      }
    }
  }
}

float QuantizeRowInt8(std::span<const float> row, std::span<int8_t> out) {
  float largest = 0;
  for (float x : row) largest = std::max(largest, std::abs(x));
  // Below this the reciprocal overflows; such a row is zero for every purpose.
  if (!(largest > 1e-30f)) {
    std::fill(out.begin(), out.end(), int8_t{0});
    return 0;
  }
  const float inverse = 127.0f / largest;
  for (size_t i = 0; i < row.size(); ++i) {
    out[i] = static_cast<int8_t>(static_cast<int>(std::clamp(RoundToNearest(row[i] * inverse), -127.0f, 127.0f)));
  }
  return largest / 127.0f;
}

int PlaceInt8Row(std::span<const int8_t> row, int n, std::span<int8_t> packed) {
  const int in_features = static_cast<int>(row.size());
  const size_t panel_bytes = static_cast<size_t>(kPanelColumns) * PaddedInt8Features(in_features);
  BANTAM_DCHECK((n / kPanelColumns + 1) * panel_bytes <= packed.size());
  int8_t* column = packed.data() + n / kPanelColumns * panel_bytes + n % kPanelColumns * kInt8KGroup;
  int total = 0;
  for (int k = 0; k < in_features; ++k) {
    column[static_cast<size_t>(k / kInt8KGroup) * kPanelColumns * kInt8KGroup + k % kInt8KGroup] = row[k];
    total += row[k];
  }
  return total;
}

void PackInt8(std::span<const float> weight, int out_features, int in_features, std::span<int8_t> packed,
              std::span<float> scale, std::span<float> sum) {
  BANTAM_CHECK(packed.size() == PackedInt8Size(out_features, in_features));
  BANTAM_CHECK(scale.size() == sum.size() && scale.size() == static_cast<size_t>(PaddedColumns(out_features)));
  std::fill(packed.begin(), packed.end(), int8_t{0});
  std::fill(scale.begin(), scale.end(), 0.0f);
  std::fill(sum.begin(), sum.end(), 0.0f);
  std::vector<int8_t> quantized(in_features);
  for (int n = 0; n < out_features; ++n) {
    scale[n] = QuantizeRowInt8(weight.subspan(static_cast<size_t>(n) * in_features, in_features), quantized);
    sum[n] = static_cast<float>(PlaceInt8Row(quantized, n, packed));
  }
}

size_t AttentionScratch(int num_keys, int head_dim) {
  const auto keys = static_cast<size_t>(PaddedColumns(num_keys)), dim = static_cast<size_t>(PaddedColumns(head_dim));
  constexpr size_t kQueryTile = 8;  // at least the rows of any level's tile
  return keys * head_dim + keys * dim + keys * kQueryTile;
}

size_t PagedAttentionScratch(int num_keys, int head_dim) {
  constexpr size_t kRowTile = 8;  // at least the rows of any level's tile
  // Whole blocks, and one more: a window may begin inside one.
  const auto blocks = static_cast<size_t>((num_keys + kKvBlockTokens - 1) / kKvBlockTokens + 1);
  return blocks * kKvBlockTokens * kRowTile + kRowTile * static_cast<size_t>(PaddedColumns(head_dim));
}

}  // namespace bantam
