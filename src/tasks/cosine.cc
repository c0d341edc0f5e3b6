#include "tasks/cosine.h"

#include <cmath>

namespace bantam {

float CosineSimilarity(std::span<const float> a, std::span<const float> b) {
  double product = 0, length_a = 0, length_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    product += x * y;
    length_a += x * x;
    length_b += y * y;
  }
  const double lengths = std::sqrt(length_a * length_b);
  return lengths == 0 ? 0 : static_cast<float>(product / lengths);
}

}  // namespace bantam
