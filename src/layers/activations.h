// Rows of activations, one for each token. In an int8 model the rows that feed a Linear exist as bytes too, with one
// scale and minimum for each row; in a model of GGUF's blocks with a scale for each 32, beside them in the row. A view:
// the memory belongs to a workspace.
#pragma once

#include <cstddef>

#include "kernels/kernel_table.h"

namespace bantam {

struct Activations {
  float* values = nullptr;  // [rows, stride]
  ptrdiff_t stride = 0;
  uint8_t* bytes = nullptr;  // [rows, byte_stride], or null in an f32 model
  ptrdiff_t byte_stride = 0;
  RowQuant* quant = nullptr;  // [rows]
  bool block_rows = false;    // bytes are BlockRowBytes(columns) for each row, `quant` is not used

  // The view from row `row` on.
  Activations From(ptrdiff_t row) const {
    Activations rest = *this;
    if (values != nullptr) rest.values += row * stride;
    if (bytes != nullptr) rest.bytes += row * byte_stride;
    if (quant != nullptr) rest.quant += row;
    return rest;
  }
};

}  // namespace bantam
