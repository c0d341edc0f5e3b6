#include "learn/binomial.h"

#include <gtest/gtest.h>

#include <cmath>

namespace bantam {
namespace {

TEST(BinomialCdf, IsTheSumOfItsTerms) {
  for (const int n : {1, 2, 7, 40}) {
    for (const double p : {1e-6, 0.02, 0.5, 0.93}) {
      double sum = 0;
      for (int k = 0; k < n; ++k) {
        sum += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0)) * std::pow(p, k) *
               std::pow(1 - p, n - k);
        EXPECT_NEAR(BinomialCdf(k, n, p), sum, 1e-12) << n << " " << p << " " << k;
      }
      EXPECT_EQ(BinomialCdf(n, n, p), 1);
    }
  }
  EXPECT_EQ(BinomialCdf(3, 10, 0), 1);
  EXPECT_EQ(BinomialCdf(3, 10, 1), 0);
}

TEST(BinomialCdf, HoldsForManyTrials) {
  // scipy.stats.binom.cdf
  EXPECT_NEAR(BinomialCdf(180, 10000, 0.02), 0.0801077, 1e-6);
  EXPECT_NEAR(BinomialCdf(10000, 1000000, 0.01), 0.5026596, 1e-6);
  EXPECT_NEAR(BinomialCdf(0, 1000000, 0.01), 0, 1e-300);
  EXPECT_NEAR(BinomialCdf(12000, 1000000, 0.01), 1, 1e-12);
}

TEST(BinomialUpperBound, IsClopperAndPearsons) {
  // scipy.stats.beta.ppf(0.95, k + 1, n - k)
  EXPECT_NEAR(BinomialUpperBound(0, 100, 0.95), 0.0295130, 1e-6);
  EXPECT_NEAR(BinomialUpperBound(3, 1000, 0.95), 0.0077350, 1e-6);
  EXPECT_NEAR(BinomialUpperBound(50, 200, 0.95), 0.3055430, 2e-4);
  EXPECT_EQ(BinomialUpperBound(7, 7, 0.95), 1);
}

}  // namespace
}  // namespace bantam
