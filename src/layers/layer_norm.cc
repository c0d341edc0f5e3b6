#include "layers/layer_norm.h"

#include "layers/linear.h"

namespace bantam {

void ApplyLayerNorm(const Kernels& kernels, const LayerNorm& norm, const Activations& x, const Activations& out,
                    int num_rows) {
  if (norm.kind == NormKind::kNoNorm) {
    for (int row = 0; row < num_rows; ++row) {
      const float* from = x.values + row * x.stride;
      float* to = out.values + row * out.stride;
      for (int i = 0; i < norm.size; ++i) to[i] = from[i] * norm.gamma[i] + norm.beta[i];
    }
    if (out.bytes != nullptr) QuantizeRows(kernels, out, num_rows, norm.size);
    return;
  }
  const LayerNormArgs args{.x = x.values,
                           .x_stride = x.stride,
                           .gamma = norm.gamma,
                           .beta = norm.beta,
                           .epsilon = norm.epsilon,
                           .out = out.values,
                           .out_stride = out.stride,
                           .quantized = out.block_rows ? nullptr : out.bytes,
                           .quantized_stride = out.byte_stride,
                           .quantized_rows = out.quant,
                           .num_rows = num_rows,
                           .columns = norm.size};
  (norm.kind == NormKind::kRmsNorm ? kernels.table.rms_norm : kernels.table.layer_norm)(&args);
  if (out.block_rows) QuantizeRows(kernels, out, num_rows, norm.size);
}

}  // namespace bantam
