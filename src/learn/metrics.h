// Figures of merit over lists of scores, as numpy and scikit-learn compute them.
#pragma once

#include <span>
#include <vector>

namespace bantam {

// The area under the ROC curve: the chance that a positive scores above a negative, ties counting half. NaN if one is
// empty.
double Auroc(std::span<const double> positives, std::span<const double> negatives);

// Linear interpolation between order statistics, numpy's default. q in [0, 1]; at least one value.
double Quantile(std::span<const double> values, double q);

// One bar of a reliability diagram: predictions with a confidence in [low, high), the last bin closed.
struct ReliabilityBin {
  double low = 0, high = 0;
  double weight = 0;      // of the predictions in it; a count when every prediction weighs 1
  double confidence = 0;  // mean
  double accuracy = 0;
};

inline constexpr int kReliabilityBins = 15;

struct WeightedOutcome {
  double confidence = 0;
  bool right = false;
  double weight = 1;
};

// Equal-width bins over [0, 1].
std::vector<ReliabilityBin> ReliabilityBins(std::span<const WeightedOutcome> outcomes, int num_bins = kReliabilityBins);

// Expected calibration error: the mean distance of accuracy and confidence over the bins, by weight. 0 for nothing.
double ExpectedCalibrationError(std::span<const ReliabilityBin> bins);

// Spearman's rank correlation; equal values share the mean of their ranks. NaN where one list is constant.
double Spearman(std::span<const double> x, std::span<const double> y);

// The unweighted mean of F1 over all labels that are true or predicted somewhere. Labels are numbers from 0.
double MacroF1(std::span<const int> truth, std::span<const int> predicted);

}  // namespace bantam
