#include "learn/confidence_sequence.h"

#include <gtest/gtest.h>

#include <random>

namespace bantam {
namespace {

TEST(ConfidenceAtAnyTime, HoldsTheShareThatWasSeenAndNarrows) {
  EXPECT_EQ(ConfidenceAtAnyTime(0, 0, 0.95).low, 0);
  EXPECT_EQ(ConfidenceAtAnyTime(0, 0, 0.95).high, 1);
  double width = 1;
  for (const int64_t n : {20, 200, 2'000, 20'000, 2'000'000}) {
    const BinomialInterval interval = ConfidenceAtAnyTime(n / 20, n, 0.95);
    EXPECT_LT(interval.low, 0.05);
    EXPECT_GT(interval.high, 0.05);
    EXPECT_LT(interval.high - interval.low, width);
    width = interval.high - interval.low;
    // Wider than one that is looked at once, but not by much.
    const BinomialInterval once = BinomialConfidence(n / 20, n, 0.95);
    EXPECT_LE(interval.low, once.low);
    EXPECT_GE(interval.high, once.high);
    EXPECT_LT(width, 3 * (once.high - once.low));
  }
  EXPECT_EQ(ConfidenceAtAnyTime(0, 50, 0.95).low, 0);
  EXPECT_EQ(ConfidenceAtAnyTime(50, 50, 0.95).high, 1);
}

// Looked at after every trial, as the semantic cache does, it leaves the true share in at most 5 of 100 counts; the
// exact interval leaves it in far more.
TEST(ConfidenceAtAnyTime, HoldsHoweverOftenItIsLookedAt) {
  std::mt19937 random(7);
  for (const double share : {0.01, 0.2}) {
    const int counts = 200, trials = 1'000;
    int left = 0, left_by_exact = 0;
    for (int count = 0; count < counts; ++count) {
      std::bernoulli_distribution wrong(share);
      int64_t hits = 0;
      bool out = false, out_by_exact = false;
      for (int64_t n = 1; n <= trials && !out; ++n) {
        hits += wrong(random);
        if (n % 4 != 0) continue;  // often enough
        const BinomialInterval interval = ConfidenceAtAnyTime(hits, n, 0.95);
        out = share < interval.low || share > interval.high;
        // p-values in place of intervals: the same test, less work
        out_by_exact |=
            BinomialCdf(hits, n, share) < 0.025 || (hits > 0 && 1 - BinomialCdf(hits - 1, n, share) < 0.025);
      }
      left += out;
      left_by_exact += out_by_exact;
    }
    EXPECT_LE(left, counts / 20) << share;
    EXPECT_GT(left_by_exact, counts / 10) << share;
  }
}

}  // namespace
}  // namespace bantam
