#include "models/stored_matrix.h"

#include <cstring>

#include "base/check.h"
#include "kernels/packing.h"

namespace bantam {
namespace {

std::vector<float> RowOf(const TensorView& weight, size_t row) {
  std::vector<float> values(static_cast<size_t>(weight.shape[1]));
  const size_t row_bytes = values.size() * DTypeBytes(weight.dtype);
  CopyToF32({weight.dtype, {weight.shape[1]}, weight.bytes.subspan(row * row_bytes, row_bytes)}, values);
  return values;
}

StoredMatrix StoreInt8(const TensorView& weight) {
  const auto rows = static_cast<size_t>(weight.shape[0]), columns = static_cast<size_t>(weight.shape[1]);
  StoredMatrix stored;
  stored.dtype = DType::kI8;
  stored.shape = weight.shape;
  stored.scale_dtype = DType::kF32;
  stored.scale_shape = {weight.shape[0]};
  stored.values.resize(rows * columns);
  stored.scales.resize(rows * sizeof(float));
  for (size_t r = 0; r < rows; ++r) {
    auto* out = reinterpret_cast<int8_t*>(stored.values.data()) + r * columns;
    const float scale = QuantizeRowInt8(RowOf(weight, r), {out, columns});
    std::memcpy(stored.scales.data() + r * sizeof scale, &scale, sizeof scale);
  }
  return stored;
}

StoredMatrix StoreInt4(const TensorView& weight, const Int4Rounder& rounder) {
  const auto rows = static_cast<size_t>(weight.shape[0]), columns = static_cast<size_t>(weight.shape[1]);
  const int64_t groups = Int4Groups(static_cast<int>(columns));
  const size_t row_bytes = (columns + 1) / 2;
  StoredMatrix stored;
  stored.dtype = DType::kU8;
  stored.shape = {weight.shape[0], static_cast<int64_t>(row_bytes)};
  stored.scale_dtype = DType::kBF16;
  stored.scale_shape = {weight.shape[0], groups};
  stored.values.resize(rows * row_bytes);
  stored.scales.resize(rows * static_cast<size_t>(groups) * sizeof(uint16_t));
  std::vector<int8_t> levels(columns);
  std::vector<uint16_t> scales(static_cast<size_t>(groups));
  for (size_t r = 0; r < rows; ++r) {
    std::vector<float> row = RowOf(weight, r);
    if (rounder) {
      rounder(row, levels, scales);
    } else {
      QuantizeRowInt4(row, {}, levels, scales);
    }
    PackNibbles(levels, {reinterpret_cast<uint8_t*>(stored.values.data()) + r * row_bytes, row_bytes});
    std::memcpy(stored.scales.data() + r * scales.size() * sizeof(uint16_t), scales.data(),
                scales.size() * sizeof(uint16_t));
  }
  return stored;
}

}  // namespace

StoredMatrix StoreMatrix(const TensorView& weight, WeightType type, const Int4Rounder& int4) {
  BANTAM_CHECK(weight.shape.size() == 2 && type != WeightType::kF32);
  return type == WeightType::kInt8 ? StoreInt8(weight) : StoreInt4(weight, int4);
}

}  // namespace bantam
