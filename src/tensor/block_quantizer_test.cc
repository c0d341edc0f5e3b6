// What QuantizeToBlocks writes is read back by DequantizeBlocks, which is bit for bit the reference's: so these are
// tests of errors, not of layouts alone.
#include "tensor/block_quantizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/half.h"
#include "tensor/ggml_blocks.h"

namespace bantam {
namespace {

constexpr size_t kColumns = 512, kRows = 24;

struct Case {
  DType dtype;
  double most;  // relative error of normally distributed weights, in the square
};

// A uniform quantiser of b bits over a few dozen normal values loses about 4^-b of them, times three to four.
const Case kCases[] = {{DType::kQ8_0, 5e-5}, {DType::kQ4_0, 9e-3},   {DType::kQ4_1, 8e-3},   {DType::kQ5_0, 2.2e-3},
                       {DType::kQ5_1, 2e-3}, {DType::kQ4_K, 7.5e-3}, {DType::kQ5_K, 1.8e-3}, {DType::kQ6_K, 5e-4}};

std::vector<float> Weights(int seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  std::normal_distribution<float> normal(0, 0.05f);
  std::vector<float> values(kRows * kColumns);
  for (float& x : values) x = normal(random);
  return values;
}

std::vector<float> ThereAndBack(DType dtype, std::span<const float> values, std::span<const float> importance) {
  std::vector<std::byte> blocks(values.size() / BlockOf(dtype).elements * BlockOf(dtype).bytes);
  QuantizeToBlocks(dtype, values, importance, blocks);
  std::vector<float> back(values.size());
  DequantizeBlocks(dtype, blocks, back);
  return back;
}

double Loss(std::span<const float> values, std::span<const float> back, std::span<const float> importance = {}) {
  double error = 0, energy = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double w = importance.empty() ? 1 : importance[i % importance.size()];
    error += w * (values[i] - back[i]) * (values[i] - back[i]);
    energy += w * values[i] * values[i];
  }
  return error / energy;
}

TEST(BlockQuantizer, LosesNoMoreThanItsBitsMust) {
  const std::vector<float> values = Weights(1);
  for (const Case& one : kCases) {
    SCOPED_TRACE(DTypeName(one.dtype));
    ASSERT_TRUE(CanQuantizeTo(one.dtype));
    const std::vector<float> back = ThereAndBack(one.dtype, values, {});
    const double loss = Loss(values, back);
    EXPECT_LT(loss, one.most);
    EXPECT_GT(loss, one.most / 4) << "the limit says nothing";
  }
  EXPECT_FALSE(CanQuantizeTo(DType::kQ2_K));
  EXPECT_FALSE(CanQuantizeTo(DType::kF32));
}

TEST(BlockQuantizer, ImportantColumnsLoseLess) {
  const std::vector<float> values = Weights(2);
  std::vector<float> importance(kColumns);
  for (size_t i = 0; i < kColumns; ++i) importance[i] = i % 7 == 0 ? 50.0f : 0.5f;
  for (const Case& one : kCases) {
    if (one.dtype == DType::kQ8_0) continue;  // its scale is given by the largest
    SCOPED_TRACE(DTypeName(one.dtype));
    const double told = Loss(values, ThereAndBack(one.dtype, values, importance), importance);
    const double untold = Loss(values, ThereAndBack(one.dtype, values, {}), importance);
    EXPECT_LT(told, 0.8 * untold);
  }
}

// Levels times a scale that a half holds exactly come back as they were.
TEST(BlockQuantizer, WhatLiesOnTheGridStays) {
  std::mt19937 random(3);
  for (const auto& [dtype, low, high] : {std::tuple{DType::kQ4_0, -8, 7}, std::tuple{DType::kQ5_0, -16, 15}}) {
    std::vector<float> values(kColumns);
    for (size_t i = 0; i < values.size(); ++i) {
      const int level = i % 32 == 0 ? low : low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
      values[i] = 0x1p-7f * static_cast<float>(level);
    }
    EXPECT_EQ(ThereAndBack(dtype, values, {}), values) << DTypeName(dtype);
  }
  std::vector<float> nibbles(kColumns);
  for (size_t i = 0; i < nibbles.size(); ++i) nibbles[i] = 0x1p-6f * static_cast<float>(i % 16) - 0.0625f;
  EXPECT_EQ(ThereAndBack(DType::kQ4_1, nibbles, {}), nibbles);
}

TEST(BlockQuantizer, StrangeRowsStayFinite) {
  std::vector<std::vector<float>> rows(7, std::vector<float>(kColumns, 0.0f));
  rows[1].assign(kColumns, 0.25f);
  rows[2].assign(kColumns, -3.0f);
  rows[3][17] = 1000;               // one large one among zeros
  rows[4].assign(kColumns, 1e-9f);  // below what a half can say
  for (size_t i = 0; i < kColumns; ++i) rows[5][i] = i % 2 == 0 ? 60'000.0f : -60'000.0f;
  rows[6].assign(kColumns, std::numeric_limits<float>::denorm_min());
  for (const Case& one : kCases) {
    for (size_t r = 0; r < rows.size(); ++r) {
      SCOPED_TRACE(testing::Message() << DTypeName(one.dtype) << ", row " << r);
      float largest = 0;
      for (const float x : rows[r]) largest = std::max(largest, std::abs(x));
      const std::vector<float> back = ThereAndBack(one.dtype, rows[r], {});
      for (size_t i = 0; i < back.size(); ++i) {
        ASSERT_TRUE(std::isfinite(back[i]));
        ASSERT_LE(std::abs(back[i] - rows[r][i]), 0.15f * largest + 1e-8f) << i;
      }
    }
  }
}

TEST(Half, RoundsToTheNearestAndBack) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    if ((half >> 10 & 0x1F) == 31) continue;
    ASSERT_EQ(FloatToHalf(HalfToFloat(static_cast<uint16_t>(half))), half);
    if ((half & 0x7FFF) >= 0x7BFF) continue;
    // Between this one and the next: ties go to the even one.
    const float here = HalfToFloat(static_cast<uint16_t>(half)), next = HalfToFloat(static_cast<uint16_t>(half + 1));
    const float middle = here + (next - here) / 2;
    ASSERT_EQ(FloatToHalf(middle), half % 2 == 0 ? half : half + 1) << half;
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, here)), half);
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, next)), half + 1);
  }
  EXPECT_EQ(FloatToHalf(1e30f), 0x7BFF);
  EXPECT_EQ(FloatToHalf(-1e30f), 0xFBFF);
}

}  // namespace
}  // namespace bantam
