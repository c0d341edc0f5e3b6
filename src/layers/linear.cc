#include "layers/linear.h"

#include <algorithm>

#include "base/check.h"

namespace bantam {

void ApplyLinear(const Kernels& kernels, const Linear& linear, const Activations& x, const Activations& out,
                 int num_rows, Range panels, const LinearOptions& options) {
  const float* residual = options.residual == nullptr ? nullptr : options.residual->values;
  const ptrdiff_t residual_stride = options.residual == nullptr ? 0 : options.residual->stride;
  if (linear.type == WeightType::kInt8) {
    BANTAM_DCHECK(x.bytes != nullptr && x.quant != nullptr);
    const GemmInt8Args args{.x = x.bytes,
                            .x_stride = x.byte_stride,
                            .x_quant = x.quant,
                            .packed = linear.packed_int8,
                            .weight_scale = linear.weight_scale,
                            .weight_sum = linear.weight_sum,
                            .bias = linear.bias,
                            .residual = residual,
                            .residual_stride = residual_stride,
                            .out = out.values,
                            .out_stride = out.stride,
                            .num_rows = num_rows,
                            .in_features = linear.in_features,
                            .out_features = linear.out_features,
                            .panel_begin = panels.begin,
                            .panel_end = panels.end,
                            .activation = options.activation};
    kernels.table.gemm_int8(&args);
    return;
  }
  const GemmF32Args args{.x = x.values,
                         .x_stride = x.stride,
                         .packed = linear.packed_f32,
                         .bias = linear.bias,
                         .residual = residual,
                         .residual_stride = residual_stride,
                         .out = out.values,
                         .out_stride = out.stride,
                         .num_rows = num_rows,
                         .in_features = linear.in_features,
                         .out_features = linear.out_features,
                         .panel_begin = panels.begin,
                         .panel_end = panels.end,
                         .activation = options.activation};
  kernels.table.gemm_f32(&args);
}

void ApplyLinear(const Kernels& kernels, const Linear& linear, const Activations& x, const Activations& out,
                 int num_rows, const Parallel& parallel, const LinearOptions& options) {
  const int threads = parallel.num_threads();
  // A thread with fewer rows than this reads weights faster than it can use them.
  constexpr int kRowsPerThread = 24;
  const bool by_rows = threads == 1 || num_rows >= threads * kRowsPerThread;
  constexpr int kBlockRows = 48;
  int parts = 1;
  if (by_rows) {
    parts = (num_rows + kBlockRows - 1) / kBlockRows;
    parts = (parts + threads - 1) / threads * threads;
  } else {
    parts = std::min(threads, linear.num_panels());
  }
  parallel.Run(parts, [&](int part, int) {
    const Range rows = by_rows ? ShareOf(num_rows, part, parts) : Range{0, num_rows};
    const Range panels = by_rows ? Range{0, linear.num_panels()} : ShareOf(linear.num_panels(), part, parts);
    if (rows.size() == 0 || panels.size() == 0) return;
    LinearOptions here = options;
    Activations residual;
    if (options.residual != nullptr) {
      residual = options.residual->From(rows.begin);
      here.residual = &residual;
    }
    ApplyLinear(kernels, linear, x.From(rows.begin), out.From(rows.begin), rows.size(), panels, here);
  });
}

void QuantizeRows(const Kernels& kernels, const Activations& x, int num_rows, int columns) {
  const QuantizeArgs args{.x = x.values,
                          .x_stride = x.stride,
                          .out = x.bytes,
                          .out_stride = x.byte_stride,
                          .out_quant = x.quant,
                          .num_rows = num_rows,
                          .columns = columns};
  kernels.table.quantize(&args);
}

}  // namespace bantam
