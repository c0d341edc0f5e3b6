#include "learn/vector_scale.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "learn/vector_math.h"

namespace bantam {

VectorScale FitScale(const EmbeddingMatrix& vectors, size_t dimensions, std::span<const int> rows) {
  BANTAM_CHECK(dimensions <= vectors.columns && !rows.empty());
  std::vector<double> sum(dimensions), squares(dimensions);
  for (const int row : rows) {
    const std::span<const float> x = vectors.row(static_cast<size_t>(row));
    for (size_t j = 0; j < dimensions; ++j) {
      const double v = x[j];
      sum[j] += v;
      squares[j] += v * v;
    }
  }
  const auto n = static_cast<double>(rows.size());
  VectorScale scale;
  for (size_t j = 0; j < dimensions; ++j) {
    const double mean = sum[j] / n;
    scale.mean.push_back(static_cast<float>(mean));
    scale.inverse_deviation.push_back(
        static_cast<float>(1 / std::max(std::sqrt(std::max(squares[j] / n - mean * mean, 0.0)), 1e-6)));
  }
  return scale;
}

void Standardize(const VectorScale& scale, std::span<const float> x, std::span<float> out) {
  BANTAM_CHECK(x.size() == scale.mean.size() && out.size() == x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = (x[i] - scale.mean[i]) * scale.inverse_deviation[i];
  const float length = 1 / std::max(std::sqrt(DotF(out, out)), 1e-30f);
  for (float& v : out) v *= length;
}

}  // namespace bantam
