// What a LoRA adapter adds to a matrix product (Hu et al., 2021): y += scale * B (A x), in floats whatever the matrix
// itself is held as.
#pragma once

#include "layers/linear.h"

namespace bantam {

struct LowRank {
  int first_column = 0;  // of y, where B's outputs begin
  Linear a = {};         // [rank, in_features]
  Linear b = {};         // [columns of y that it changes, rank], alpha / rank multiplied in
};

// out.values[:, first_column ..] += scale * B (A x.values). between: room for [num_rows, rank]. A row's bits do not
// depend on the other rows, nor on the number of threads.
void AddLowRank(const Kernels& kernels, const LowRank& product, float scale, const Activations& x,
                const Activations& out, int num_rows, const Parallel& parallel, const Activations& between);

// The second half alone: between holds A x already, scaled.
void AddFromRank(const Kernels& kernels, const LowRank& product, const Activations& between, const Activations& out,
                 int num_rows, const Parallel& parallel);

}  // namespace bantam
