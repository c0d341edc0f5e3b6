// What a model adds to the scaled attention scores of one head, such as a learned bias for each distance.
#pragma once

#include "kernels/isa.h"
#include "layers/activations.h"
#include "layers/parallel.h"

namespace bantam {

// Immutable: any thread may call it, each with scratch of its own.
class ScoreBias {
 public:
  // Row i stands for query rows.begin + i, column j for key j; rows are `stride` floats apart (negative strides too).
  struct View {
    const float* values;
    ptrdiff_t stride;
  };

  virtual ~ScoreBias() = default;
  // Floats of scratch for sequences of this length.
  virtual size_t ScratchSize(int longest_sequence) const = 0;
  // q and k: this head's queries and keys of the whole sequence, [sequence_length, head_dim]. The view is of `scratch`
  // or of the bias itself.
  virtual View Compute(const Kernels& kernels, const Activations& q, const Activations& k, int sequence_length,
                       int head, Range rows, float* scratch) const = 0;
};

}  // namespace bantam
