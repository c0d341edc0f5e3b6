// Exact statements about shares that were counted: of n independent trials `hits` were hits.
#pragma once

#include <cstdint>

namespace bantam {

// P(at most `hits` hits) of n trials with probability p each. 0 <= hits <= n, p in [0, 1].
double BinomialCdf(int64_t hits, int64_t n, double p);

// The largest p for which `hits` or fewer of n are no rarer than 1 - confidence (Clopper and Pearson's upper bound).
double BinomialUpperBound(int64_t hits, int64_t n, double confidence);

}  // namespace bantam
