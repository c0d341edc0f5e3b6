// From floats to the block formats of GGUF: for each block the scales, and the levels under them, that lose least.
//
//   std::vector<std::byte> blocks(rows * RowBytes(DType::kQ4_K, columns));
//   QuantizeToBlocks(DType::kQ4_K, values, importance, blocks);
//
// "Loses least": the sum over k of importance[k] * (x[k] - what the block says of it)^2. With the mean of the squared
// inputs of a layer as the importance that is the expected square of the error of its output, inputs taken as
// independent.
#pragma once

#include <cstddef>
#include <span>

#include "tensor/tensor.h"

namespace bantam {

// Whether QuantizeToBlocks can write it: Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K.
bool CanQuantizeTo(DType dtype);

// values: whole rows, finite; importance: [columns], positive, or empty for all alike; out: the rows' blocks.
void QuantizeToBlocks(DType dtype, std::span<const float> values, std::span<const float> importance,
                      std::span<std::byte> out);

}  // namespace bantam
