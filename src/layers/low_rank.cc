#include "layers/low_rank.h"

namespace bantam {

void AddFromRank(const Kernels& kernels, const LowRank& product, const Activations& between, const Activations& out,
                 int num_rows, const Parallel& parallel) {
  const Activations to{.values = out.values + product.first_column, .stride = out.stride};
  ApplyLinear(kernels, product.b, between, to, num_rows, parallel, {.residual = &to});
}

void AddLowRank(const Kernels& kernels, const LowRank& product, float scale, const Activations& x,
                const Activations& out, int num_rows, const Parallel& parallel, const Activations& between) {
  ApplyLinear(kernels, product.a, x, between, num_rows, parallel);
  if (scale != 1) {
    for (int row = 0; row < num_rows; ++row) {
      float* values = between.values + row * between.stride;
      for (int i = 0; i < product.a.out_features; ++i) values[i] *= scale;
    }
  }
  AddFromRank(kernels, product, between, out, num_rows, parallel);
}

}  // namespace bantam
