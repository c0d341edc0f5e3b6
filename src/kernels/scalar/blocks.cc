// The reference of the products in block formats: levels are read one by one.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/block_panels.h"
#include "kernels/scalar/activate.h"
#include "kernels/scalar/blocks.h"

namespace bantam {
namespace {

// Where the parts of a quantised row begin, in bytes.
struct RowParts {
  explicit RowParts(int in_features)
      : scale(in_features),
        sum(scale + in_features / 8),
        half_sum(sum + in_features / 8),
        scaled_sum(half_sum + in_features / 4),
        scaled_half_sum(scaled_sum + in_features / 8) {}
  ptrdiff_t scale, sum, half_sum, scaled_sum, scaled_half_sum;
};

template <typename T>
T At(const uint8_t* row, ptrdiff_t begin, int index) {
  T value;
  std::memcpy(&value, row + begin + 4 * index, sizeof value);
  return value;
}
template <typename T>
void Put(uint8_t* row, ptrdiff_t begin, int index, T value) {
  std::memcpy(row + begin + 4 * index, &value, sizeof value);
}

}  // namespace

void ScalarQuantizeBlocks(const QuantizeBlocksArgs* args) {
  const RowParts parts(args->columns);
  for (int r = 0; r < args->num_rows; ++r) {
    const float* x = args->x + r * args->x_stride;
    uint8_t* out = args->out + r * args->out_stride;
    for (int g = 0; g < args->columns / kBlockGroup; ++g) {
      float largest = 0;
      for (int i = 0; i < kBlockGroup; ++i) largest = std::max(largest, std::abs(x[g * kBlockGroup + i]));
      const float scale = largest / 127.0f, inverse = largest > 1e-30f ? 127.0f / largest : 0.0f;
      int32_t sums[2] = {0, 0};
      for (int i = 0; i < kBlockGroup; ++i) {
        const float rounded = std::nearbyint(x[g * kBlockGroup + i] * inverse);
        const auto q = static_cast<int8_t>(std::clamp(rounded, -127.0f, 127.0f));
        std::memcpy(out + g * kBlockGroup + i, &q, 1);
        sums[i / 16] += q;
      }
      Put(out, parts.scale, g, scale);
      Put(out, parts.sum, g, sums[0] + sums[1]);
      Put(out, parts.scaled_sum, g, scale * static_cast<float>(sums[0] + sums[1]));
      for (int h = 0; h < 2; ++h) {
        Put(out, parts.half_sum, 2 * g + h, sums[h]);
        Put(out, parts.scaled_half_sum, 2 * g + h, scale * static_cast<float>(sums[h]));
      }
    }
  }
}

void ScalarGemmBlocks(const GemmBlocksArgs* args) {
  const PanelLayout layout = PanelLayoutOf(args->format);
  const RowParts parts(args->in_features);
  const size_t panel_bytes = BlockPanelBytes(args->format, args->in_features);
  const int halves = kBlockGroup / layout.per_scale;
  std::vector<float> column(static_cast<size_t>(args->num_rows));  // of the output, which may be the residual
  for (int panel = args->panel_begin; panel < args->panel_end; ++panel) {
    const uint8_t* packed = args->packed + static_cast<size_t>(panel) * panel_bytes;
    const int end = std::min((panel + 1) * kBlockColumns, args->out_features);
    for (int n = panel * kBlockColumns; n < end; ++n) {
      std::ranges::fill(column, 0.0f);
      for (int g = 0; g < args->in_features / kBlockGroup; ++g) {
        BlockColumn w;
        ReadBlockColumn(args->format, packed, n - panel * kBlockColumns, g, &w);
        for (int r = 0; r < args->num_rows; ++r) {
          const uint8_t* x = args->x + r * args->x_stride;
          float* y = &column[static_cast<size_t>(r)];
          const float x_scale = At<float>(x, parts.scale, g);
          for (int h = 0; h < halves; ++h) {
            int32_t sum = 0;
            for (int i = h * layout.per_scale; i < (h + 1) * layout.per_scale; ++i) {
              sum += static_cast<int8_t>(x[g * kBlockGroup + i]) * (w.level[i] - layout.zero);
            }
            *y += static_cast<float>(sum) * w.scale[h] * x_scale;
            if (!layout.has_minima()) continue;
            *y += w.minimum[h] *
                  (halves == 1 ? At<float>(x, parts.scaled_sum, g) : At<float>(x, parts.scaled_half_sum, 2 * g + h));
          }
        }
      }
      for (int r = 0; r < args->num_rows; ++r) {
        float y = column[static_cast<size_t>(r)];
        y = ScalarActivate(args->bias == nullptr ? y : y + args->bias[n], args->activation);
        if (args->residual != nullptr) y += args->residual[r * args->residual_stride + n];
        args->out[r * args->out_stride + n] = y;
      }
    }
  }
}

}  // namespace bantam
