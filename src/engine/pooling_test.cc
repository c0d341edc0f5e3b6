#include "engine/pooling.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/testing.h"

namespace bantam {
namespace {

// Three tokens of two numbers.
const std::vector<float> kHidden = {1, -4, 2, -5, 6, 3};

std::vector<float> Pooled(PoolingMode mode, bool normalize, std::vector<float> hidden = kHidden) {
  std::vector<float> out(2);
  EXPECT_OK(Pool(hidden, mode, normalize, out));
  return out;
}

TEST(Pooling, Modes) {
  EXPECT_EQ(Pooled(PoolingMode::kMean, false), (std::vector<float>{3, -2}));
  EXPECT_EQ(Pooled(PoolingMode::kCls, false), (std::vector<float>{1, -4}));
  EXPECT_EQ(Pooled(PoolingMode::kMax, false), (std::vector<float>{6, 3}));
  EXPECT_EQ(Pooled(PoolingMode::kLastToken, false), (std::vector<float>{6, 3}));
  EXPECT_EQ(Pooled(PoolingMode::kMeanSqrtLen, false), (std::vector<float>{9 / std::sqrt(3.0f), -6 / std::sqrt(3.0f)}));
  EXPECT_EQ(Pooled(PoolingMode::kCls, true, {3, 4}), (std::vector<float>{0.6f, 0.8f}));
  EXPECT_EQ(Pooled(PoolingMode::kMean, true, {0, 0}), (std::vector<float>{0, 0}));
}

TEST(Pooling, RefusesWhatIsNotFinite) {
  std::vector<float> out(2);
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    EXPECT_EQ(Pool(std::vector<float>{1, bad}, PoolingMode::kMean, true, out).error().code, ErrorCode::kCorrupt);
  }
  EXPECT_OK(Pool(std::vector<float>{3e38f, 3e38f}, PoolingMode::kMean, true, out));  // the square is summed in double
}

}  // namespace
}  // namespace bantam
