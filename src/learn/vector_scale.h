// One scale for vectors of an earlier layer. They lie in a narrow cone and differ in a few loud dimensions: each
// dimension is put on one scale and the vector on length one.
#pragma once

#include <span>
#include <vector>

#include "tasks/embed.h"

namespace bantam {

struct VectorScale {
  std::vector<float> mean, inverse_deviation;  // [dimensions]
};

// Of the first `dimensions` columns of those rows.
VectorScale FitScale(const EmbeddingMatrix& vectors, size_t dimensions, std::span<const int> rows);

// out = x in that scale, of length one. Sizes are the scale's.
void Standardize(const VectorScale& scale, std::span<const float> x, std::span<float> out);

}  // namespace bantam
