#include "learn/moments.h"

#include <cstddef>

#include "kernels/packing.h"

namespace bantam {

// X^T X is a product whose right-hand side is X^T.
std::vector<float> Moments(std::span<const float> rows, int dimensions, const Kernels& kernels, ThreadPool* pool) {
  const auto width = static_cast<size_t>(dimensions), count = rows.size() / width;
  std::vector<float> moments(width * width);
  if (count == 0) return moments;
  std::vector<float> transposed(rows.size());
  for (size_t t = 0; t < count; ++t) {
    for (size_t i = 0; i < width; ++i) transposed[i * count + t] = rows[t * width + i];
  }
  std::vector<float> packed(PackedF32Size(dimensions, static_cast<int>(count)));
  PackF32(transposed, dimensions, static_cast<int>(count), packed);
  const std::vector<float> bias(static_cast<size_t>(PaddedColumns(dimensions)));
  const auto panel = [&](int number, int) {
    const int first = number * kPanelColumns;  // the rows above are the mirror of other panels
    const GemmF32Args args{.x = transposed.data() + static_cast<size_t>(first) * count,
                           .x_stride = static_cast<ptrdiff_t>(count),
                           .packed = packed.data(),
                           .bias = bias.data(),
                           .residual = nullptr,
                           .residual_stride = 0,
                           .out = moments.data() + static_cast<size_t>(first) * width,
                           .out_stride = dimensions,
                           .num_rows = dimensions - first,
                           .in_features = static_cast<int>(count),
                           .out_features = dimensions,
                           .panel_begin = number,
                           .panel_end = number + 1,
                           .activation = kActivationNone};
    kernels.table.gemm_f32(&args);
  };
  const int panels = PaddedColumns(dimensions) / kPanelColumns;
  if (pool != nullptr) {
    pool->Run(panels, panel);
  } else {
    for (int number = 0; number < panels; ++number) panel(number, 0);
  }
  for (size_t i = 0; i < width; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      moments[i * width + j] /= static_cast<float>(count);
      moments[j * width + i] = moments[i * width + j];
    }
  }
  return moments;
}

}  // namespace bantam
