#include "learn/binomial.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace bantam {
namespace {

// The terms from `first` in direction `step`, each from the one before, until they no longer count: some sqrt(n) of
// them. For the side of the distribution on which they fall.
double Tail(int64_t first, int64_t step, int64_t n, double p) {
  const auto count = static_cast<double>(n), x = static_cast<double>(first);
  double term = std::exp(std::lgamma(count + 1) - std::lgamma(x + 1) - std::lgamma(count - x + 1) + x * std::log(p) +
                         (count - x) * std::log1p(-p));
  const double odds = p / (1 - p);
  double sum = 0;
  for (int64_t k = first; k >= 0 && k <= n && term > 1e-17 * sum; k += step) {
    sum += term;
    const auto at = static_cast<double>(k);
    term *= step < 0 ? at / ((count - at + 1) * odds) : (count - at) / (at + 1) * odds;
  }
  return sum;
}

}  // namespace

double BinomialCdf(int64_t hits, int64_t n, double p) {
  BANTAM_CHECK(hits >= 0 && hits <= n && p >= 0 && p <= 1);
  if (hits == n || p == 0) return 1;
  if (p == 1) return 0;
  const bool below_mean = static_cast<double>(hits) < p * static_cast<double>(n);
  return std::clamp(below_mean ? Tail(hits, -1, n, p) : 1 - Tail(hits + 1, 1, n, p), 0.0, 1.0);
}

double BinomialUpperBound(int64_t hits, int64_t n, double confidence) {
  BANTAM_CHECK(hits >= 0 && hits <= n && n > 0 && confidence > 0 && confidence < 1);
  if (hits == n) return 1;
  double low = static_cast<double>(hits) / static_cast<double>(n), high = 1;
  for (int i = 0; i < 60 && high - low > 1e-12; ++i) {
    const double middle = 0.5 * (low + high);
    (BinomialCdf(hits, n, middle) > 1 - confidence ? low : high) = middle;
  }
  return high;
}

BinomialInterval BinomialConfidence(int64_t hits, int64_t n, double confidence) {
  if (n == 0) return {};
  const double each = 0.5 * (1 + confidence);  // what is left out is shared by both ends
  return {1 - BinomialUpperBound(n - hits, n, each), BinomialUpperBound(hits, n, each)};
}

}  // namespace bantam
