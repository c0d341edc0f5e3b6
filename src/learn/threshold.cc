#include "learn/threshold.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace bantam {

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
  double best = 0, best_gain = 0, gain = 0, rejected = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    gain += points[i].gain;
    rejected += points[i].in_scope ? 1 : 0;
    if (rejected > max_false_rejection * n) break;
    if (i + 1 < points.size() && points[i + 1].confidence == points[i].confidence) continue;
    const double above = i + 1 < points.size() ? points[i + 1].confidence : 1;
    const double between = 0.5 * (points[i].confidence + above);
    if (out_of_scope.empty()) {
      best = std::min(between, 0.5);
      if (between >= 0.5) break;
    } else if (gain > best_gain) {
      best_gain = gain;
      best = between;
    }
  }
  // Nothing had to be rejected (few, clear examples): even odds are still worth asking for, where they cost nothing.
  if (best == 0 && !points.empty()) best = std::min(0.5, points.front().confidence);
  return best;
}

}  // namespace bantam
