// Attention of one token over the keys and values of a paged cache, with a number for each distance added to the scores
// (T5's decoder). Plain code: such texts are short, and what a step costs is the weights.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layers/paged_attention.h"

namespace bantam {

// Of one head: biases[d] for a key that lies d tokens before the query; the last one for all further away.
struct BiasedQuery {
  const float* q = nullptr;  // [head_dim]
  const int32_t* block_table = nullptr;
  int first = 0, end = 0;  // of the keys; the query stands at end - 1
  std::span<const float> biases;
};

// Floats of scratch for so many keys.
size_t BiasedAttentionScratch(int num_keys, int head_dim);

// out: [head_dim], softmax(q k^T + bias) v: scores are not scaled.
void AttendWithBias(const Kernels& kernels, const KvHead& head, const BiasedQuery& query, float* out, float* scratch);

}  // namespace bantam
