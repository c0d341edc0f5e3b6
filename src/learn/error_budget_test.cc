#include "learn/error_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace bantam {
namespace {

// Messages of which those answered at confidence c are wrong with probability (1 - c)^2: of all above t a third of (1 -
// t)^2.
std::vector<CalibrationPoint> Draw(int n, std::mt19937& random) {
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<CalibrationPoint> points;
  for (int i = 0; i < n; ++i) {
    const double confidence = uniform(random);
    points.push_back({0, static_cast<float>(confidence), uniform(random) >= (1 - confidence) * (1 - confidence)});
  }
  return points;
}
double TrueError(double threshold) { return (1 - threshold) * (1 - threshold) / 3; }

TEST(Certify, KeepsItsPromise) {
  std::mt19937 random(1);
  for (const double max_error : {0.01, 0.02, 0.05, 0.1}) {
    for (const double delta : {0.05, 0.2}) {
      constexpr int kTrials = 400;
      int broken = 0, supported = 0;
      for (int trial = 0; trial < kTrials; ++trial) {
        const Certificate c = Certify(Draw(3000, random), {max_error, delta});
        supported += c.supported;
        broken += c.supported && TrueError(c.threshold) > max_error;
        if (c.supported) {
          EXPECT_LE(c.upper_bound, max_error + 1e-9);
          EXPECT_GE(c.upper_bound, static_cast<double>(c.num_errors) / c.num_answered);
        }
      }
      EXPECT_LE(broken, kTrials * delta + 3 * std::sqrt(kTrials * delta * (1 - delta))) << max_error << " " << delta;
      // And is no mere refusal.
      EXPECT_GE(supported, kTrials * 0.9) << max_error << " " << delta;
    }
  }
}

TEST(Certify, AnswersMoreWhereMoreIsAllowed) {
  std::mt19937 random(2);
  const std::vector<CalibrationPoint> points = Draw(4000, random);
  double last = 1;
  for (const double max_error : {0.01, 0.02, 0.05, 0.1, 0.5}) {
    const Certificate c = Certify(points, {max_error, 0.05});
    ASSERT_TRUE(c.supported) << max_error;
    EXPECT_LE(c.threshold, last);
    last = c.threshold;
    const auto answered = std::count_if(points.begin(), points.end(),
                                        [&](const CalibrationPoint& p) { return p.confidence >= c.threshold; });
    EXPECT_EQ(answered, c.num_answered);
  }
  EXPECT_EQ(last, 0);  // half of all may be wrong: everything is answered
}

TEST(Certify, SaysHowManyAreMissing) {
  EXPECT_EQ(LeastAnswers({0.05, 0.05}), 59);
  EXPECT_EQ(LeastAnswers({0.02, 0.05}), 149);
  EXPECT_EQ(LeastAnswers({0.01, 0.05}), 299);
  EXPECT_EQ(Certify({}, {0.02, 0.05}).missing, 149);

  std::vector<CalibrationPoint> points;
  for (int i = 0; i < 100; ++i) points.push_back({0, 0.9f + 0.001f * static_cast<float>(i % 100), true});
  const Certificate c = Certify(points, {0.02, 0.05});
  EXPECT_FALSE(c.supported);
  EXPECT_EQ(c.threshold, std::numeric_limits<double>::infinity());
  EXPECT_EQ(c.missing, 49);
  while (points.size() < 149) points.push_back({0, 0.5f, true});
  EXPECT_TRUE(Certify(points, {0.02, 0.05}).supported);
  points.back().right = false;
  EXPECT_FALSE(Certify(points, {0.02, 0.05}).supported);
}

TEST(Certify, SaysWhenNoNumberWouldDo) {
  std::mt19937 random(3);
  std::vector<CalibrationPoint> points;
  for (int i = 0; i < 1000; ++i)
    points.push_back({0, 0.5f + 0.0001f * static_cast<float>(random() % 1000), random() % 4 != 0});
  const Certificate c = Certify(points, {0.02, 0.05});
  EXPECT_FALSE(c.supported);
  EXPECT_EQ(c.missing, Certificate::kNoNumber);
}

TEST(Certify, AnswersPointsOfOneConfidenceTogether) {
  std::vector<CalibrationPoint> points(500, {0, 0.75f, true});
  for (int i = 0; i < 20; ++i) points[static_cast<size_t>(i)].right = false;
  EXPECT_FALSE(Certify(points, {0.02, 0.05}).supported);
  EXPECT_EQ(Certify(points, {0.1, 0.05}).num_answered, 500);
}

TEST(CalibrationId, IsOfThePoints) {
  std::mt19937 random(4);
  std::vector<CalibrationPoint> points = Draw(50, random);
  const std::string id = CalibrationId(points);
  EXPECT_EQ(id.size(), 16u);
  EXPECT_EQ(CalibrationId(points), id);
  points[7].right = !points[7].right;
  EXPECT_NE(CalibrationId(points), id);
}

}  // namespace
}  // namespace bantam
