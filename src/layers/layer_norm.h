// out = (x - mean) / sqrt(variance + epsilon) * gamma + beta over each row; with out.bytes also quantised, while the
// row is in L1.
#pragma once

#include "kernels/isa.h"
#include "layers/activations.h"

namespace bantam {

struct LayerNorm {
  int size = 0;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float epsilon = 1e-12f;
};

// out may be x.
inline void ApplyLayerNorm(const Kernels& kernels, const LayerNorm& norm, const Activations& x, const Activations& out,
                           int num_rows) {
  const LayerNormArgs args{.x = x.values,
                           .x_stride = x.stride,
                           .gamma = norm.gamma,
                           .beta = norm.beta,
                           .epsilon = norm.epsilon,
                           .out = out.values,
                           .out_stride = out.stride,
                           .quantized = out.bytes,
                           .quantized_stride = out.byte_stride,
                           .quantized_rows = out.quant,
                           .num_rows = num_rows,
                           .columns = norm.size};
  kernels.table.layer_norm(&args);
}

}  // namespace bantam
