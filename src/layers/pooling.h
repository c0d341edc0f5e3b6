// One vector for each sequence from the vectors of its tokens, as sentence-transformers pools.
#pragma once

#include <cstddef>
#include <span>

#include "files/model_folder.h"

namespace bantam {

// hidden: [num_tokens, hidden_size] of one sequence, at least one token. out: [hidden_size].
// With normalize, the vector has length 1 (a zero vector stays zero).
void Pool(std::span<const float> hidden, int hidden_size, PoolingMode mode, bool normalize, std::span<float> out);

// The same of the tokens from `first` on: those before, a prompt's, count for nothing but their places. Zeros when no
// token is left.
void PoolFrom(size_t first, std::span<const float> hidden, int hidden_size, PoolingMode mode, std::span<float> out);

// x / |x|
void NormalizeL2(std::span<float> x);

}  // namespace bantam
