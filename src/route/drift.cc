#include "route/drift.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bantam {
namespace {

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(std::max<size_t>(1, values.size()));
}

// The largest difference between two empirical distribution functions; both sorted.
double Distance(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    const double x = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= x) ++i;
    while (j < b.size() && b[j] <= x) ++j;
    largest = std::max(largest, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                         static_cast<double>(j) / static_cast<double>(b.size())));
  }
  return largest;
}

}  // namespace

DriftWatch::DriftWatch(std::vector<double> calibration_confidences, const DriftRule& rule)
    : rule_(rule), calibration_(std::move(calibration_confidences)), calibration_mean_(Mean(calibration_)) {
  std::sort(calibration_.begin(), calibration_.end());
}

std::optional<DriftFinding> DriftWatch::Add(double confidence) {
  if (calibration_.empty()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  window_.push_back(confidence);
  if (window_.size() < static_cast<size_t>(rule_.window)) return std::nullopt;
  const DriftFinding finding = Judge();
  window_.clear();
  return finding;
}

DriftFinding DriftWatch::Judge() {
  std::sort(window_.begin(), window_.end());
  const auto n = static_cast<double>(calibration_.size()), m = static_cast<double>(window_.size());
  DriftFinding finding;
  finding.distance = Distance(calibration_, window_);
  // P(distance > x) <= 2 exp(-2 x^2 n m / (n + m)) when both are drawn alike.
  finding.limit = std::sqrt(std::log(2 / rule_.false_alarm) * (n + m) / (2 * n * m));
  finding.drifted = finding.distance > finding.limit;
  finding.mean = Mean(window_);
  finding.calibration_mean = calibration_mean_;
  return finding;
}

}  // namespace bantam
