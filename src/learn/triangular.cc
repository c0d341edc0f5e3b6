#include "learn/triangular.h"

#include <algorithm>
#include <cmath>

namespace bantam {

double DotD(const double* a, const double* b, size_t count) {
  double sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (size_t lane = 0; lane < 8; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  double sum = 0;
  for (const double lane : sums) sum += lane;
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void FactorUpper(std::vector<double>& h, size_t n) {
  for (size_t j = n; j-- > 0;) {
    const double* row_j = h.data() + j * n;
    const double diagonal = h[j * n + j] - DotD(row_j + j + 1, row_j + j + 1, n - j - 1);
    const double root = std::sqrt(std::max(diagonal, 1e-30));
    h[j * n + j] = root;
    for (size_t i = 0; i < j; ++i) {
      const double* row_i = h.data() + i * n;
      h[i * n + j] = (h[i * n + j] - DotD(row_i + j + 1, row_j + j + 1, n - j - 1)) / root;
    }
  }
}

std::vector<double> InvertUpper(const std::vector<double>& r, size_t n) {
  std::vector<double> u(n * n);
  for (size_t i = n; i-- > 0;) {
    double* row = u.data() + i * n;
    for (size_t k = i + 1; k < n; ++k) {
      const double factor = r[i * n + k];
      const double* other = u.data() + k * n;
      for (size_t j = k; j < n; ++j) row[j] -= factor * other[j];
    }
    const double inverse = 1 / r[i * n + i];
    for (size_t j = i + 1; j < n; ++j) row[j] *= inverse;
    row[i] = inverse;
  }
  return u;
}

}  // namespace bantam
