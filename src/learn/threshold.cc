#include "learn/threshold.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"

namespace bantam {
namespace {

// Where a confidence that is true draws the line between an answer that is more often right than not and the rest.
constexpr double kEvenOdds = 0.5;

// Of the share of `count` that were caught, with one more of either kind: all of a few prove little.
double StandardError(int caught, size_t count) {
  const double n = static_cast<double>(count) + 2, p = (caught + 1) / n;
  return std::sqrt(p * (1 - p) / n);
}

}  // namespace

double ChooseThreshold(std::span<const WeightedOutcome> in_scope, std::span<const double> out_of_scope, double share,
                       double max_false_rejection) {
  BANTAM_CHECK(!in_scope.empty());
  const double n = static_cast<double>(in_scope.size());
  struct Point {
    double confidence;
    double gain;  // in expected right answers, when the threshold rises above this message
    bool in_scope;
  };
  std::vector<Point> points;
  for (const WeightedOutcome& outcome : in_scope) {
    points.push_back({outcome.confidence, outcome.right ? -(1 - share) / n : 0, true});
  }
  for (const double confidence : out_of_scope) {
    points.push_back({confidence, share / static_cast<double>(out_of_scope.size()), false});
  }
  std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.confidence < b.confidence; });

  // Where the threshold can lie: below every message, or half way between two neighbours.
  struct Choice {
    double threshold, gain;
  };
  std::vector<Choice> choices;
  double gain = 0, rejected = 0, best_gain = 0, best_error = 0;
  int caught = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    gain += points[i].gain;
    rejected += points[i].in_scope ? 1 : 0;
    caught += points[i].in_scope ? 0 : 1;
    if (rejected > max_false_rejection * n) break;
    if (i + 1 < points.size() && points[i + 1].confidence == points[i].confidence) continue;
    const double above = i + 1 < points.size() ? points[i + 1].confidence : 1;
    choices.push_back({0.5 * (points[i].confidence + above), gain});
    if (out_of_scope.empty() || gain > best_gain) {
      best_gain = gain;
      best_error = share * StandardError(caught, out_of_scope.size());
    }
  }
  // Nothing may be rejected (few, clear examples): even odds are still worth asking for, where they cost nothing.
  if (choices.empty()) return std::min(kEvenOdds, points.front().confidence);
  if (out_of_scope.empty()) {
    const auto even = std::ranges::find_if(choices, [](const Choice& c) { return c.threshold >= kEvenOdds; });
    return even == choices.end() ? choices.back().threshold : kEvenOdds;
  }
  double chosen = std::min(kEvenOdds, points.front().confidence);
  const auto nearer = [&](double threshold) { return std::abs(threshold - kEvenOdds) < std::abs(chosen - kEvenOdds); };
  bool found = 0 >= best_gain - best_error;
  for (const Choice& choice : choices) {
    if (choice.gain < best_gain - best_error || (found && !nearer(choice.threshold))) continue;
    chosen = choice.threshold;
    found = true;
  }
  return chosen;
}

}  // namespace bantam
