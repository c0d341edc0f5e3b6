// A causal convolution of a few tokens, each channel for itself, as models have it in place of attention. What it reads
// of the tokens before lies in the KV cache like keys and values: a sequence can be shared, preempted, cut and read in
// pieces as if it had nothing but attention.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/activations.h"
#include "layers/paged_attention.h"
#include "layers/parallel.h"

namespace bantam {

// y[t] = bias + sum over i of weights[i] * x[t - (width - 1) + i]; before the first token x is zero.
struct ShortConvolution {
  const float* weights = nullptr;  // [width, channels]
  const float* bias = nullptr;     // [channels], or null
  int channels = 0;
  int width = 0;  // tokens that a token sees, itself included

  // How many layers of a cache its inputs take: a layer holds a key and a value for each token.
  int CacheLayers(const KvCacheShape& shape) const;
};

// Scratch of one worker; grows and is then reused.
using ConvolutionScratch = std::vector<float>;

// x: [channels] of the token at `position`, into `layer` and those after it.
void StoreConvolutionInputs(const Kernels& kernels, const ShortConvolution& convolution, const KvCacheView& cache,
                            int layer, const int32_t* block_table, int position, const float* x,
                            ConvolutionScratch& scratch);

// out: [rows, channels]. Row i is the token at positions[i] of the sequence with block_tables[i]; its inputs, and those
// of the tokens before, are stored.
void ApplyShortConvolution(const ShortConvolution& convolution, const KvCacheView& cache, int layer,
                           std::span<const int32_t* const> block_tables, std::span<const int32_t> positions,
                           const Activations& out, ConvolutionScratch& scratch);

}  // namespace bantam
