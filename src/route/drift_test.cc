#include "route/drift.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace bantam {
namespace {

// Confidences of messages of which `share` are sure and the others are not.
std::vector<double> Draw(std::mt19937_64& random, int count, double share) {
  std::uniform_real_distribution<double> unit;
  std::vector<double> values;
  for (int i = 0; i < count; ++i) {
    const double u = unit(random);
    values.push_back(unit(random) < share ? 1 - u * u / 2 : u / 2);
  }
  return values;
}

int Alarms(std::mt19937_64& random, double share, int windows) {
  const DriftRule rule{.window = 200, .false_alarm = 0.05};
  int alarms = 0;
  for (int i = 0; i < windows; ++i) {
    DriftWatch watch(Draw(random, 300, 0.8), rule);
    std::optional<DriftFinding> finding;
    for (const double confidence : Draw(random, rule.window, share)) {
      EXPECT_FALSE(finding);
      finding = watch.Add(confidence);
    }
    EXPECT_TRUE(finding);
    alarms += finding && finding->drifted;
  }
  return alarms;
}

TEST(DriftWatch, FalseAlarmsAreAsRareAsSaidAndChangesAreSeen) {
  std::mt19937_64 random(7);
  const int windows = 2'000;
  EXPECT_LE(Alarms(random, 0.8, windows), 0.05 * windows + 2 * std::sqrt(0.05 * 0.95 * windows));
  EXPECT_GE(Alarms(random, 0.5, 100), 95);
  EXPECT_GE(Alarms(random, 1.0, 100), 90);
}

TEST(DriftWatch, SaysWhatItFound) {
  DriftWatch watch(std::vector<double>(100, 0.9), {.window = 50, .false_alarm = 0.01});
  std::optional<DriftFinding> finding;
  for (int i = 0; i < 50; ++i) finding = watch.Add(0.1);
  ASSERT_TRUE(finding);
  EXPECT_TRUE(finding->drifted);
  EXPECT_EQ(finding->distance, 1);
  EXPECT_LT(finding->limit, 0.5);
  EXPECT_NEAR(finding->mean, 0.1, 1e-9);
  EXPECT_NEAR(finding->calibration_mean, 0.9, 1e-9);
  for (int i = 0; i < 50; ++i) finding = watch.Add(0.9);
  ASSERT_TRUE(finding) << "a window of its own";
  EXPECT_FALSE(finding->drifted);
  DriftWatch blind({}, {.window = 1});
  EXPECT_FALSE(blind.Add(0.5));
}

}  // namespace
}  // namespace bantam
