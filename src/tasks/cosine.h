// How near two sentence embeddings are.
#pragma once

#include <span>

namespace bantam {

// In double precision; 0 where one of them is all zeros.
float CosineSimilarity(std::span<const float> a, std::span<const float> b);

}  // namespace bantam
