// Buckets of distances against the reference's (transformers: MPNetEncoder.relative_position_bucket and DeBERTa-v2's
// make_log_bucket_position), rotary tables against their formula.
#include <gtest/gtest.h>

#include <cmath>

#include "layers/disentangled_bias.h"
#include "layers/relative_bias.h"
#include "layers/rope.h"

namespace bantam {
namespace {

TEST(RelativeBucket, EqualsTheReference) {
  const std::vector<int> distances = {-300, -128, -127, -100, -64, -33, -16, -8, -7, -1, 0,  1,  7,   8,   9,
                                      11,   12,   15,   16,   22,  23,  32,  45, 46, 64, 90, 91, 127, 128, 300};
  const std::vector<int> expected = {15, 15, 15, 15, 14, 12, 10, 8,  7,  1,  0,  17, 23, 24, 24,
                                     24, 25, 25, 26, 26, 27, 28, 28, 29, 30, 30, 31, 31, 31, 31};
  for (size_t i = 0; i < distances.size(); ++i) {
    EXPECT_EQ(RelativeBucket(distances[i], 32, 128), expected[i]) << distances[i];
  }
  int64_t sum = 0;  // every distance, each with a weight of its own
  for (int d = -600; d <= 600; ++d) sum += (d + 601) * RelativeBucket(d, 32, 128);
  EXPECT_EQ(sum, 19'105'790);
}

// T5Attention._relative_position_bucket of a decoder, whose distances have one direction.
TEST(LengthBucket, EqualsTheReference) {
  const std::vector<int> lengths = {0, 1, 15, 16, 17, 18, 19, 20, 25, 33, 45, 64, 90, 100, 113, 127, 128, 300};
  const std::vector<int> expected = {0, 1, 15, 16, 16, 16, 17, 17, 19, 21, 23, 26, 29, 30, 31, 31, 31, 31};
  for (size_t i = 0; i < lengths.size(); ++i) EXPECT_EQ(LengthBucket(lengths[i], 32, 128), expected[i]) << lengths[i];
  int64_t sum = 0;  // every length, each with a weight of its own
  for (int length = 0; length <= 600; ++length) sum += (length + 1) * LengthBucket(length, 32, 128);
  EXPECT_EQ(sum, 5'579'341);
}

TEST(LogBucket, EqualsTheReference) {
  const std::vector<int> distances = {-511, -400, -256, -200, -130, -129, -128, -127, -5,  0,   5,
                                      127,  128,  129,  130,  150,  200,  256,  300,  400, 510, 511};
  const std::vector<int> expected = {-255, -233, -192, -169, -130, -129, -128, -127, -5,  0,   5,
                                     127,  128,  129,  130,  143,  169,  192,  207,  233, 255, 255};
  for (size_t i = 0; i < distances.size(); ++i) {
    EXPECT_EQ(LogBucket(distances[i], 256, 512), expected[i]) << distances[i];
  }
  int64_t sum = 0;
  for (int d = -2047; d < 2048; ++d) sum += (d + 2048) * static_cast<int64_t>(LogBucket(d, 256, 512));
  EXPECT_EQ(sum, 1'412'700'952);
  EXPECT_EQ(LogBucket(-300, -1, 512), -300);  // without buckets a distance is itself
}

TEST(RelativePositions, AreRowsAroundTheMiddleAndClamped) {
  const RelativePositions positions(4, -1, 4, 10);
  EXPECT_EQ(positions.rows()[0], 4);
  EXPECT_EQ(positions.rows()[3], 7);
  EXPECT_EQ(positions.rows()[9], 7);
  EXPECT_EQ(positions.rows()[-4], 0);
  EXPECT_EQ(positions.rows()[-9], 0);
}

TEST(RelativeBias, ARowIsThePreviousOneShifted) {
  std::vector<float> table(32 * 2);
  for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(i);
  const RelativeBias bias(table, 32, 2, 128, 50);
  const Kernels kernels;
  for (int length : {1, 7, 50}) {
    const auto view = bias.Compute(kernels, {}, {}, length, 1, {length / 2, length}, nullptr);
    for (int i = length / 2; i < length; ++i) {
      for (int j = 0; j < length; ++j) {
        EXPECT_EQ(view.values[(i - length / 2) * view.stride + j], table[RelativeBucket(j - i, 32, 128) * 2 + 1]);
      }
    }
  }
}

TEST(RopeTable, GrowsWithoutChangingWhatIsThere) {
  RopeTable table({.theta = 10'000, .rotary_dim = 8});
  table.Reserve(3);
  const std::vector<float> before(table.cosines(), table.cosines() + 12);
  table.Reserve(100);
  EXPECT_EQ(std::vector<float>(table.cosines(), table.cosines() + 12), before);
  for (int position : {0, 1, 99}) {
    for (int i = 0; i < 4; ++i) {
      const double angle = position * std::pow(10'000.0, -i / 4.0);
      EXPECT_NEAR(table.cosines()[position * 4 + i], std::cos(angle), 1e-5);
      EXPECT_NEAR(table.sines()[position * 4 + i], std::sin(angle), 1e-5);
    }
  }
}

}  // namespace
}  // namespace bantam
