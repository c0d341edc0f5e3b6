// Exact statements about shares that were counted: of n independent trials `hits` were hits.
#pragma once

#include <cstdint>

namespace bantam {

// P(at most `hits` hits) of n trials with probability p each. 0 <= hits <= n, p in [0, 1].
double BinomialCdf(int64_t hits, int64_t n, double p);

// The largest p for which `hits` or fewer of n are no rarer than 1 - confidence (Clopper and Pearson's upper bound).
double BinomialUpperBound(int64_t hits, int64_t n, double confidence);

// Clopper and Pearson's interval, which holds the true share with at least that confidence. All of [0, 1] for n = 0.
struct BinomialInterval {
  double low = 0, high = 1;
};
BinomialInterval BinomialConfidence(int64_t hits, int64_t n, double confidence);

}  // namespace bantam
