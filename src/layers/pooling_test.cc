#include "layers/pooling.h"

#include <gtest/gtest.h>

#include <cmath>

namespace bantam {
namespace {

std::vector<float> Pooled(PoolingMode mode, bool normalize = false) {
  const std::vector<float> hidden = {1, -2, 3, 6, 5, -4, 0, 1};  // 4 tokens of 2
  std::vector<float> out(2);
  Pool(hidden, 2, mode, normalize, out);
  return out;
}

TEST(Pooling, EveryMode) {
  EXPECT_EQ(Pooled(PoolingMode::kMean), (std::vector<float>{9 / 4.0f, 1 / 4.0f}));
  EXPECT_EQ(Pooled(PoolingMode::kMeanSqrtLen), (std::vector<float>{9 / 2.0f, 1 / 2.0f}));
  EXPECT_EQ(Pooled(PoolingMode::kCls), (std::vector<float>{1, -2}));
  EXPECT_EQ(Pooled(PoolingMode::kLastToken), (std::vector<float>{0, 1}));
  EXPECT_EQ(Pooled(PoolingMode::kMax), (std::vector<float>{5, 6}));
}

TEST(Pooling, NormalizedHasLengthOne) {
  const std::vector<float> x = Pooled(PoolingMode::kCls, true);
  EXPECT_FLOAT_EQ(x[0], 1 / std::sqrt(5.0f));
  EXPECT_FLOAT_EQ(x[1], -2 / std::sqrt(5.0f));
}

TEST(Pooling, ZeroStaysZero) {
  std::vector<float> x(3, 0.0f);
  NormalizeL2(x);
  EXPECT_EQ(x, (std::vector<float>{0, 0, 0}));
}

}  // namespace
}  // namespace bantam
