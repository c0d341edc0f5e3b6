#include "learn/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace bantam {
namespace {

// Ranks from 1; equal values get the mean of the ranks that they take up.
std::vector<double> Ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + 1 + end) / 2;
    begin = end;
  }
  return ranks;
}

}  // namespace

double Auroc(std::span<const double> positives, std::span<const double> negatives) {
  if (positives.empty() || negatives.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(negatives.begin(), negatives.end());
  std::sort(sorted.begin(), sorted.end());
  double wins = 0;
  for (const double p : positives) {
    const auto [below, above] = std::equal_range(sorted.begin(), sorted.end(), p);
    wins += static_cast<double>(below - sorted.begin()) + 0.5 * static_cast<double>(above - below);
  }
  return wins / (static_cast<double>(positives.size()) * static_cast<double>(negatives.size()));
}

double Quantile(std::span<const double> values, double q) {
  BANTAM_CHECK(!values.empty() && q >= 0 && q <= 1);
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

std::vector<ReliabilityBin> ReliabilityBins(std::span<const WeightedOutcome> outcomes, int num_bins) {
  std::vector<ReliabilityBin> bins(static_cast<size_t>(num_bins));
  for (int i = 0; i < num_bins; ++i) {
    bins[i].low = static_cast<double>(i) / num_bins;
    bins[i].high = static_cast<double>(i + 1) / num_bins;
  }
  for (const WeightedOutcome& outcome : outcomes) {
    const double clamped = std::clamp(outcome.confidence, 0.0, 1.0);
    ReliabilityBin& bin = bins[std::min(static_cast<int>(clamped * num_bins), num_bins - 1)];
    bin.weight += outcome.weight;
    bin.confidence += outcome.weight * clamped;
    bin.accuracy += outcome.right ? outcome.weight : 0;
  }
  for (ReliabilityBin& bin : bins) {
    if (!(bin.weight > 0)) continue;
    bin.confidence /= bin.weight;
    bin.accuracy /= bin.weight;
  }
  return bins;
}

double ExpectedCalibrationError(std::span<const ReliabilityBin> bins) {
  double error = 0, weight = 0;
  for (const ReliabilityBin& bin : bins) {
    error += bin.weight * std::abs(bin.accuracy - bin.confidence);
    weight += bin.weight;
  }
  return weight > 0 ? error / weight : 0;
}

double MacroF1(std::span<const int> truth, std::span<const int> predicted) {
  BANTAM_CHECK(truth.size() == predicted.size());
  struct Count {
    double hits = 0, truths = 0, predictions = 0;
  };
  std::vector<Count> counts;
  const auto at = [&](int label) -> Count& {
    if (static_cast<size_t>(label) >= counts.size()) counts.resize(static_cast<size_t>(label) + 1);
    return counts[label];
  };
  for (size_t i = 0; i < truth.size(); ++i) {
    at(truth[i]).truths += 1;
    at(predicted[i]).predictions += 1;
    if (truth[i] == predicted[i]) at(truth[i]).hits += 1;
  }
  double sum = 0, labels = 0;
  for (const Count& count : counts) {
    if (count.truths + count.predictions == 0) continue;
    sum += 2 * count.hits / (count.truths + count.predictions);
    labels += 1;
  }
  return labels > 0 ? sum / labels : 0;
}

double Spearman(std::span<const double> x, std::span<const double> y) {
  BANTAM_CHECK(x.size() == y.size());
  const std::vector<double> rank_x = Ranks(x), rank_y = Ranks(y);
  const double mean = (static_cast<double>(x.size()) + 1) / 2;  // of ranks, ties or not
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < rank_x.size(); ++i) {
    const double dx = rank_x[i] - mean, dy = rank_y[i] - mean;
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xy / std::sqrt(xx * yy);
}

}  // namespace bantam
