// The block formats of GGUF, dequantised. A block is a scale, or scales of sub-blocks, and small integers; the layouts
// are those of the format's own documentation and stand above each function of ggml_blocks.cc. Plain loops: the kernels
// that compute in these formats are in kernels/.
#pragma once

#include <cstddef>
#include <span>

#include "tensor/tensor.h"

namespace bantam {

// `dtype`: a block format. bytes: whole blocks; out: their elements. Bit for bit as `gguf.quants.dequantize` has them:
// each product and sum is rounded to f32 on its own, in that order.
void DequantizeBlocks(DType dtype, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace bantam
