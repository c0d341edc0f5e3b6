#include "layers/linear.h"

#include <algorithm>

#include "base/check.h"

namespace bantam {

void ApplyLinear(const Kernels& kernels, const Linear& linear, const Activations& x, const Activations& out,
                 int num_rows, Range panels, const LinearOptions& options) {
  // What the products of every weight type are told alike.
  const auto fill = [&](auto& args) {
    args.bias = linear.bias;
    if (options.residual != nullptr) {
      args.residual = options.residual->values;
      args.residual_stride = options.residual->stride;
    }
    args.out = out.values;
    args.out_stride = out.stride;
    args.num_rows = num_rows;
    args.in_features = linear.in_features;
    args.out_features = linear.out_features;
    args.panel_begin = panels.begin;
    args.panel_end = panels.end;
    args.activation = options.activation;
  };
  const auto fill_bytes = [&](auto& args) {
    BANTAM_DCHECK(x.bytes != nullptr && x.quant != nullptr);
    fill(args);
    args.x = x.bytes;
    args.x_stride = x.byte_stride;
    args.x_quant = x.quant;
    args.weight_sum = linear.weight_sum;
  };
  switch (linear.type) {
    case WeightType::kInt8: {
      GemmInt8Args args{};
      fill_bytes(args);
      args.packed = linear.packed_int8;
      args.weight_scale = linear.weight_scale;
      return kernels.table.gemm_int8(&args);
    }
    case WeightType::kInt4: {
      GemmInt4Args args{};
      fill_bytes(args);
      args.packed = linear.packed_int4;
      args.group_scale = linear.group_scale;
      return kernels.table.gemm_int4(&args);
    }
    case WeightType::kF32: {
      GemmF32Args args{};
      fill(args);
      args.x = x.values;
      args.x_stride = x.stride;
      args.packed = linear.packed_f32;
      return kernels.table.gemm_f32(&args);
    }
  }
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
