// y = act(x W^T + b), or x W^T + b + residual, with W packed for the kernels in f32 or int8.
#pragma once

#include "kernels/isa.h"
#include "layers/activations.h"
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
  const float* weight_scale = nullptr;
  const float* weight_sum = nullptr;

  bool reads_bytes() const { return type != WeightType::kF32; }  // of its input, rather than values
  int num_panels() const { return (out_features + kPanelColumns - 1) / kPanelColumns; }
};

struct LinearOptions {
  Activation activation = kActivationNone;
  const Activations* residual = nullptr;  // rows as the output's
};

// x: [num_rows, in_features]; an int8 layer reads x.bytes, an f32 layer x.values. Writes out.values only.
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

// x.bytes and x.quant from x.values. columns: the layer width that will read them.
void QuantizeRows(const Kernels& kernels, const Activations& x, int num_rows, int columns);

}  // namespace bantam
