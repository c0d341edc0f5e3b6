// y = act(x W^T + b), or x W^T + b + residual, with W packed for the kernels in f32, int8, int4 or the block formats of
// GGUF.
#pragma once

#include <array>
#include <span>

#include "kernels/isa.h"
#include "layers/activations.h"
#include "layers/block_matrix.h"
#include "layers/parallel.h"
#include "layers/weight_type.h"

namespace bantam {

// A view of one layer's weights; `type` says which of the packed arrays is set (kernels/kernel_table.h has the
// layouts).
struct Linear {
  WeightType type = WeightType::kF32;
  int in_features = 0;
  int out_features = 0;
  const float* bias = nullptr;  // [padded columns], as are weight_scale and weight_sum
  const float* packed_f32 = nullptr;
  const int8_t* packed_int8 = nullptr;
  const float* weight_scale = nullptr;  // of int8
  const uint8_t* packed_int4 = nullptr;
  const uint16_t* group_scale = nullptr;  // of int4
  const float* weight_sum = nullptr;
  // Of kBlocks, whose bias may be null: matrices whose outputs follow each other, for a file may have q, k and v in
  // different formats. Each begins at a panel of its own.
  std::array<BlockMatrix, 3> blocks = {};
  int num_blocks = 0;

  bool reads_bytes() const { return type != WeightType::kF32; }  // of its input, rather than values
  int num_panels() const;
};

struct LinearOptions {
  Activation activation = kActivationNone;
  const Activations* residual = nullptr;  // rows as the output's
};

// A layer of kBlocks. matrices: at most three, of the same in_features. bias: null, or [out_features of all]
Linear BlockLinear(std::span<const BlockMatrix> matrices, const float* bias = nullptr);

// x: [num_rows, in_features]; an f32 layer reads x.values, others x.bytes, of block rows for kBlocks. Writes out.values
// only.
// `panels`: which column panels to compute.
void ApplyLinear(const Kernels& kernels, const Linear& linear, const Activations& x, const Activations& out,
                 int num_rows, Range panels, const LinearOptions& options = {});
inline void ApplyLinear(const Kernels& kernels, const Linear& linear, const Activations& x, const Activations& out,
                        int num_rows, const LinearOptions& options = {}) {
  ApplyLinear(kernels, linear, x, out, num_rows, Range{0, linear.num_panels()}, options);
}

// The same over all rows, cut into tiles for the threads: columns for few rows, so that each thread reads its own part
// of the weights; rows for many.
void ApplyLinear(const Kernels& kernels, const Linear& linear, const Activations& x, const Activations& out,
                 int num_rows, const Parallel& parallel, const LinearOptions& options = {});

// x.bytes and x.quant from x.values. columns: the layer width that will read them. As block rows: nothing where no
// block format can be that wide.
void QuantizeRows(const Kernels& kernels, const Activations& x, int num_rows, int columns);

}  // namespace bantam
