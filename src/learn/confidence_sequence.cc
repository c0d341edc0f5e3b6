#include "learn/confidence_sequence.h"

#include <cmath>

namespace bantam {
namespace {

// log B(a, b)
double LogBeta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

// x log p, 0 for x = 0 whatever p is.
double TimesLog(double x, double p) { return x == 0 ? 0 : x * std::log(p); }

}  // namespace

BinomialInterval ConfidenceAtAnyTime(int64_t hits, int64_t n, double confidence) {
  const auto k = static_cast<double>(hits), others = static_cast<double>(n - hits);
  const double mixture = LogBeta(k + 0.5, others + 0.5) - LogBeta(0.5, 0.5);
  const double limit = -std::log(1 - confidence);
  // By how much the stake has grown against p falls up to the share that was seen and rises behind it.
  const auto holds = [&](double p) { return mixture - TimesLog(k, p) - TimesLog(others, 1 - p) < limit; };
  const double seen = n == 0 ? 0.5 : k / static_cast<double>(n);
  const auto border = [&](double inside, double outside) {
    if (holds(outside)) return outside;
    for (int i = 0; i < 60; ++i) {
      const double middle = (inside + outside) / 2;
      (holds(middle) ? inside : outside) = middle;
    }
    return outside;
  };
  return {border(seen, 0), border(seen, 1)};
}

}  // namespace bantam
