// One weight matrix as `bantam quantize` stores it: the inverse of what WeightReader reads.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "layers/weight_type.h"
#include "tensor/tensor.h"

namespace bantam {

struct StoredMatrix {
  DType dtype = DType::kI8, scale_dtype = DType::kF32;
  Shape shape, scale_shape;
  std::vector<std::byte> values, scales;

  TensorView values_view() const { return {dtype, shape, values}; }
  TensorView scales_view() const { return {scale_dtype, scale_shape, scales}; }
  size_t size_bytes() const { return values.size() + scales.size(); }
};

// Rounds one row to int4 better than each weight on its own could be: row [in] (its own copy), levels [in], a bfloat16
// scale for each group.
using Int4Rounder = std::function<void(std::span<float> row, std::span<int8_t> levels, std::span<uint16_t> scales)>;

// weight: [out, in], of a float type. `type`: any but kF32. The same integers that loading the floats with
// this type makes.
// Unless `int4` says otherwise.
StoredMatrix StoreMatrix(const TensorView& weight, WeightType type, const Int4Rounder& int4 = {});

}  // namespace bantam
