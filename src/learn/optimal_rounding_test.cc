#include "learn/optimal_rounding.h"

#include <gtest/gtest.h>

#include <random>

#include "base/half.h"
#include "kernels/kernel_table.h"
#include "kernels/packing.h"

namespace bantam {
namespace {

// Inputs that move together: 200 samples of `in` mixtures of a few sources and some noise.
std::vector<float> CorrelatedMoments(int in, std::mt19937& random) {
  std::normal_distribution<float> normal;
  const int sources = 8, samples = 200;
  std::vector<float> mixing(static_cast<size_t>(in * sources)), moments(static_cast<size_t>(in * in));
  for (float& m : mixing) m = normal(random);
  std::vector<float> x(static_cast<size_t>(in));
  for (int s = 0; s < samples; ++s) {
    float z[sources];
    for (float& source : z) source = normal(random);
    for (int i = 0; i < in; ++i) {
      x[i] = 0.3f * normal(random);
      for (int k = 0; k < sources; ++k) x[i] += mixing[i * sources + k] * z[k];
    }
    for (int i = 0; i < in; ++i) {
      for (int j = 0; j < in; ++j) moments[i * in + j] += x[i] * x[j] / samples;
    }
  }
  return moments;
}

// The mean square of what the rounding does to the row's output.
double OutputError(const std::vector<float>& row, const std::vector<int8_t>& levels,
                   const std::vector<uint16_t>& scales, const std::vector<float>& moments) {
  const size_t in = row.size();
  std::vector<double> off(in);
  for (size_t i = 0; i < in; ++i) off[i] = row[i] - levels[i] * Bf16ToFloat(scales[i / kInt4Group]);
  double error = 0;
  for (size_t i = 0; i < in; ++i) {
    for (size_t j = 0; j < in; ++j) error += off[i] * off[j] * moments[i * in + j];
  }
  return error;
}

TEST(OptimalRounding, LosesFarLessOfTheOutputThanRoundingEachWeight) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  for (const int in : {40, 96, 150}) {
    const std::vector<float> moments = CorrelatedMoments(in, random);
    const OptimalRounding rounding(moments, in);
    double optimal = 0, plain = 0;
    for (int trial = 0; trial < 20; ++trial) {
      std::vector<float> row(static_cast<size_t>(in));
      for (float& w : row) w = normal(random);
      std::vector<int8_t> levels(row.size());
      std::vector<uint16_t> scales(static_cast<size_t>(Int4Groups(in)));
      QuantizeRowInt4(row, {}, levels, scales);
      plain += OutputError(row, levels, scales, moments);
      std::vector<float> working = row;
      rounding.Round(working, levels, scales);
      for (const int8_t level : levels) ASSERT_TRUE(level >= -8 && level <= 7);
      optimal += OutputError(row, levels, scales, moments);
    }
    EXPECT_LT(optimal, 0.4 * plain) << in;
  }
}

// Inputs that have nothing to do with each other leave nothing to make up for.
TEST(OptimalRounding, WithoutCorrelationItIsPlainRounding) {
  std::mt19937 random(12);
  std::normal_distribution<float> normal;
  const int in = 64;
  std::vector<float> moments(in * in);
  for (int i = 0; i < in; ++i) moments[i * in + i] = 2;
  std::vector<float> row(in);
  for (float& w : row) w = normal(random);
  std::vector<int8_t> levels(in), expected(in);
  std::vector<uint16_t> scales(2), expected_scales(2);
  QuantizeRowInt4(row, {}, expected, expected_scales);
  OptimalRounding(moments, in).Round(row, levels, scales);
  EXPECT_EQ(levels, expected);
  EXPECT_EQ(scales, expected_scales);
}

TEST(OptimalRounding, InputsThatNeverMovedAreSurvived) {
  const int in = 40;
  const std::vector<float> moments(in * in, 0.0f);
  std::vector<float> row(in, 0.5f);
  std::vector<int8_t> levels(in);
  std::vector<uint16_t> scales(2);
  OptimalRounding(moments, in).Round(row, levels, scales);
  for (int i = 0; i < in; ++i) EXPECT_NEAR(levels[i] * Bf16ToFloat(scales[i / kInt4Group]), 0.5, 0.01);
}

}  // namespace
}  // namespace bantam
