// The normalisations of a row: LayerNorm, RMSNorm, or MobileBERT's NoNorm, which only scales and shifts. With out.bytes
// also quantised, while the row is in L1.
#pragma once

#include "kernels/isa.h"
#include "layers/activations.h"

namespace bantam {

enum class NormKind {
  kLayerNorm,  // (x - mean) / sqrt(variance + epsilon) * gamma + beta
  kRmsNorm,    // x / sqrt(mean(x^2) + epsilon) * gamma
  kNoNorm,     // x * gamma + beta
};

struct LayerNorm {
  int size = 0;  // 0: there is none
  const float* gamma = nullptr;
  const float* beta = nullptr;  // null with kRmsNorm
  float epsilon = 1e-12f;
  NormKind kind = NormKind::kLayerNorm;
};

// out may be x.
void ApplyLayerNorm(const Kernels& kernels, const LayerNorm& norm, const Activations& x, const Activations& out,
                    int num_rows);

}  // namespace bantam
