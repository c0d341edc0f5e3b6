#include "learn/metrics.h"

#include <cmath>

#include "base/testing.h"
#include "learn/calibration.h"
#include "learn/golden_values.h"
#include "learn/threshold.h"

namespace bantam {
namespace {

using testing::GoldenValues;

TEST(Metrics, AreThoseOfNumpyAndScikitLearnWithTies) {
  ASSERT_OK_AND_ASSIGN(const GoldenValues golden, GoldenValues::Open());
  const std::vector<double> positives = golden.Doubles("metrics/positives"),
                            negatives = golden.Doubles("metrics/negatives");
  EXPECT_NEAR(Auroc(positives, negatives), golden.Number("metrics/auroc"), 1e-12);
  const std::vector<double> levels = golden.Doubles("metrics/levels"), quantiles = golden.Doubles("metrics/quantiles");
  ASSERT_EQ(levels.size(), 5u);
  for (size_t i = 0; i < levels.size(); ++i) EXPECT_NEAR(Quantile(positives, levels[i]), quantiles[i], 1e-12);

  std::vector<WeightedOutcome> outcomes;
  const std::vector<double> confidence = golden.Doubles("metrics/confidence");
  const std::vector<int> right = golden.Ints("metrics/right");
  for (size_t i = 0; i < confidence.size(); ++i) outcomes.push_back({confidence[i], right[i] != 0});
  const std::vector<ReliabilityBin> bins = ReliabilityBins(outcomes);
  ASSERT_EQ(bins.size(), 15u);
  EXPECT_NEAR(ExpectedCalibrationError(bins), golden.Number("metrics/ece"), 1e-12);
  double count = 0;
  for (const ReliabilityBin& bin : bins) count += bin.weight;
  EXPECT_EQ(count, 203);
  EXPECT_NEAR(MacroF1(golden.Ints("metrics/truth"), golden.Ints("metrics/predicted")),
              golden.Number("metrics/macro_f1"), 1e-12);
}

TEST(Metrics, EdgesAreDefined) {
  EXPECT_TRUE(std::isnan(Auroc({}, std::vector<double>{1.0})));
  EXPECT_EQ(Auroc(std::vector<double>{1.0}, std::vector<double>{1.0}), 0.5);
  EXPECT_EQ(Quantile(std::vector<double>{3.0}, 0.04), 3);
  EXPECT_EQ(ExpectedCalibrationError(ReliabilityBins({})), 0);
  EXPECT_EQ(MacroF1({}, {}), 0);
}

TEST(Metrics, WeightsCountAsManyOutcomes) {
  std::vector<WeightedOutcome> thrice, weighted;
  for (int i = 0; i < 3; ++i) thrice.push_back({0.7, true});
  thrice.push_back({0.72, false});
  weighted = {{0.7, true, 3}, {0.72, false, 1}};
  EXPECT_NEAR(ExpectedCalibrationError(ReliabilityBins(thrice)), ExpectedCalibrationError(ReliabilityBins(weighted)),
              1e-12);
}

TEST(Calibration, TemperatureAndLogisticAreThoseOfScipy) {
  ThreadPool pool(2);
  ASSERT_OK_AND_ASSIGN(const GoldenValues golden, GoldenValues::Open());
  const std::vector<int> labels = golden.Ints("calibration/labels");
  EXPECT_NEAR(FitTemperature(golden.Floats("calibration/logits"), labels, 6, pool),
              golden.Number("calibration/temperature"), 1e-6);
  const auto rows = [&](std::string_view name) {
    const std::vector<double> flat = golden.Doubles(name);
    std::vector<LogisticFeatures> out;
    for (size_t i = 0; i + 2 < flat.size(); i += 3) out.push_back({flat[i], flat[i + 1], flat[i + 2], 0});
    return out;
  };
  const std::vector<double> prior = golden.Doubles("calibration/prior"),
                            expected = golden.Doubles("calibration/coefficients");
  const Logistic fit = FitLogistic(rows("calibration/positives"), rows("calibration/negatives"),
                                   {{prior[0], prior[1], prior[2], 0}, prior[3]}, prior[4]);
  for (size_t j = 0; j < 3; ++j) EXPECT_NEAR(fit.coefficients[j], expected[j], 1e-6);
  EXPECT_EQ(fit.coefficients[3], 0);  // a sign that is always the same
  EXPECT_NEAR(fit.intercept, expected[3], 1e-6);
}

// A handful of examples that are all right must not ask for certainty, nor all wrong for ignorance beyond the limits.
TEST(Calibration, TemperatureOfFewExamplesIsModerate) {
  ThreadPool pool(2);
  const std::vector<float> logits = {4, 0, 0, 0, 4, 0, 0, 0, 4};
  const double right = FitTemperature(logits, std::vector<int>{0, 1, 2}, 3, pool);
  EXPECT_GT(right, 0.3);
  EXPECT_LT(right, 3);
  EXPECT_GT(std::exp(4 / right) / (std::exp(4 / right) + 2), 0.75);
  EXPECT_LT(std::exp(4 / right) / (std::exp(4 / right) + 2), 0.9);
  EXPECT_NEAR(FitTemperature(logits, std::vector<int>{1, 2, 0}, 3, pool), 20, 1e-6);
}

TEST(Calibration, LogisticWithoutNegativesIsThePrior) {
  const std::vector<LogisticFeatures> positives = {{1, 1, 0, 0}, {2, 0, 1, 0}};
  const Logistic prior{{1.7, 0.85, -0.5, 0.3}, 4.2};
  EXPECT_EQ(FitLogistic(positives, {}, prior, 1).coefficients, prior.coefficients);
}

std::vector<WeightedOutcome> Confidences(std::initializer_list<double> right,
                                         std::initializer_list<double> wrong = {}) {
  std::vector<WeightedOutcome> out;
  for (double c : right) out.push_back({c, true});
  for (double c : wrong) out.push_back({c, false});
  return out;
}

TEST(ChooseThreshold, SeparatesWhatCanBeSeparated) {
  const double t = ChooseThreshold(Confidences({0.8, 0.9, 0.95}), std::vector<double>{0.1, 0.2, 0.4}, 0.2, 0.04);
  EXPECT_NEAR(t, 0.6, 1e-12);  // half way between 0.4 and 0.8
}

TEST(ChooseThreshold, OfThoseThatExamplesCannotTellApartTakesTheNearestToEvenOdds) {
  std::vector<WeightedOutcome> in_scope;
  for (int i = 0; i < 1000; ++i) in_scope.push_back({i < 10 ? 0.3 + i * 0.01 : 0.99, true});
  const std::vector<double> out_of_scope(90, 0.1);
  // To reject two in a thousand more is less than the error of what ninety strangers say; three are more.
  EXPECT_NEAR(ChooseThreshold(in_scope, out_of_scope, 0.2, 0.04), 0.315, 1e-12);
  in_scope.assign(1000, {0.99, true});
  for (int i = 0; i < 30; ++i) in_scope[static_cast<size_t>(i)].confidence = 0.3;
  EXPECT_NEAR(ChooseThreshold(in_scope, out_of_scope, 0.2, 0.04), 0.2, 1e-12);
}

TEST(ChooseThreshold, KeepsToTheLimitOnFalseRejections) {
  std::vector<WeightedOutcome> in_scope;
  for (int i = 0; i < 100; ++i) in_scope.push_back({0.5 + i * 0.005, true});
  const std::vector<double> out_of_scope(50, 0.9);  // worth rejecting at any price
  for (const double limit : {0.0, 0.02, 0.04, 0.5}) {
    const double t = ChooseThreshold(in_scope, out_of_scope, 0.5, limit);
    double rejected = 0;
    for (const WeightedOutcome& o : in_scope) rejected += o.confidence < t;
    EXPECT_LE(rejected / 100, limit);
  }
}

TEST(ChooseThreshold, WithoutOutOfScopeExamplesAsksForEvenOddsAtMost) {
  std::vector<WeightedOutcome> sure, unsure;
  for (int i = 0; i < 100; ++i) {
    sure.push_back({0.9 + i * 0.001, true});
    unsure.push_back({0.2 + i * 0.006, true});
  }
  EXPECT_EQ(ChooseThreshold(sure, {}, 0.2, 0.04), 0.5);
  const double t = ChooseThreshold(unsure, {}, 0.2, 0.04);
  EXPECT_GT(t, 0.2 + 3 * 0.006);
  EXPECT_LE(t, 0.2 + 4 * 0.006);
}

TEST(ChooseThreshold, TiesAreRejectedTogetherOrNotAtAll) {
  const auto in_scope = Confidences({0.3, 0.3, 0.3, 0.9}, {});
  const double t = ChooseThreshold(in_scope, std::vector<double>{0.3}, 0.9, 0.5);
  EXPECT_LE(t, 0.3);
}

// Pearson on the ranks 1, 2.5, 2.5, 4, 5, 6 and 2, 1, 3.5, 3.5, 6, 5.
TEST(Spearman, RanksWithTies) {
  const std::vector<double> x = {1, 2, 2, 3, 5, 8}, y = {2, 1, 4, 4, 9, 7};
  EXPECT_NEAR(Spearman(x, y), 0.8088235294117647, 1e-12);
  const std::vector<double> up = {0.1, 0.2, 30, 31}, down = {9, 3, 2, -5};
  EXPECT_DOUBLE_EQ(Spearman(up, up), 1);
  EXPECT_DOUBLE_EQ(Spearman(up, down), -1);
  EXPECT_TRUE(std::isnan(Spearman(up, std::vector<double>(4, 1.0))));
}

}  // namespace
}  // namespace bantam
