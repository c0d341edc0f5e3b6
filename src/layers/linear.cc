#include "layers/linear.h"

#include <algorithm>

#include "base/check.h"

namespace bantam {
namespace {

// Panels are counted through all matrices.
void ApplyBlocks(const Kernels& kernels, const Linear& linear, const Activations& x, const Activations& out,
                 int num_rows, Range panels, const LinearOptions& options) {
  BANTAM_DCHECK(x.bytes != nullptr && x.block_rows);
  int first_panel = 0, first_column = 0;
  for (int i = 0; i < linear.num_blocks; ++i) {
    const BlockMatrix& matrix = linear.blocks[static_cast<size_t>(i)];
    const int begin = std::max(panels.begin - first_panel, 0),
              end = std::min(panels.end - first_panel, matrix.num_panels());
    if (begin < end) {
      const auto from = [&](auto* values) { return values == nullptr ? nullptr : values + first_column; };
      const GemmBlocksArgs args{.format = matrix.format,
                                .x = x.bytes,
                                .x_stride = x.byte_stride,
                                .packed = matrix.packed,
                                .bias = from(linear.bias),
                                .residual = options.residual == nullptr ? nullptr : from(options.residual->values),
                                .residual_stride = options.residual == nullptr ? 0 : options.residual->stride,
                                .out = from(out.values),
                                .out_stride = out.stride,
                                .num_rows = num_rows,
                                .in_features = matrix.in_features,
                                .out_features = matrix.out_features,
                                .panel_begin = begin,
                                .panel_end = end,
                                .activation = options.activation};
      kernels.table.gemm_blocks(&args);
    }
    first_panel += matrix.num_panels();
    first_column += matrix.out_features;
  }
}

}  // namespace

int Linear::num_panels() const {
  if (type != WeightType::kBlocks) return (out_features + kPanelColumns - 1) / kPanelColumns;
  int panels = 0;
  for (int i = 0; i < num_blocks; ++i) panels += blocks[static_cast<size_t>(i)].num_panels();
  return panels;
}

Linear BlockLinear(std::span<const BlockMatrix> matrices, const float* bias) {
  Linear linear{.type = WeightType::kBlocks, .bias = bias};
  BANTAM_CHECK(!matrices.empty() && matrices.size() <= linear.blocks.size());
  linear.in_features = matrices.front().in_features;
  for (const BlockMatrix& matrix : matrices) {
    BANTAM_CHECK(matrix.in_features == linear.in_features, "{} and {} inputs in one layer", matrix.in_features,
                 linear.in_features);
    linear.blocks[static_cast<size_t>(linear.num_blocks++)] = matrix;
    linear.out_features += matrix.out_features;
  }
  return linear;
}

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
    case WeightType::kBlocks:
      return ApplyBlocks(kernels, linear, x, out, num_rows, panels, options);
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
  if (x.block_rows) {
    if (columns % kBlockGroup != 0) return;
    const QuantizeBlocksArgs args{.x = x.values,
                                  .x_stride = x.stride,
                                  .out = x.bytes,
                                  .out_stride = x.byte_stride,
                                  .num_rows = num_rows,
                                  .columns = columns};
    return kernels.table.quantize_blocks(&args);
  }
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
