// TEMPORARY copy until the lead's lands.
#include "learn/error_budget.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/sha256.h"
#include "learn/head.h"

namespace bantam {
namespace {
double UpperBound(int n, int k, double delta) {
  double lo = 0, hi = 1;
  for (int i = 0; i < 60; ++i) {
    const double p = (lo + hi) / 2;
    double sum = 0;
    for (int j = 0; j <= k; ++j)
      sum += std::exp(std::lgamma(n + 1) - std::lgamma(j + 1) - std::lgamma(n - j + 1) + j * std::log(p) +
                      (n - j) * std::log1p(-p));
    (sum > delta ? lo : hi) = p;
  }
  return hi;
}
}  // namespace

Certificate Certify(std::span<const CalibrationPoint> points, const ErrorBudget& budget) {
  Certificate c;
  c.num_points = static_cast<int>(points.size());
  std::vector<CalibrationPoint> sorted(points.begin(), points.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) { return a.confidence > b.confidence; });
  const int least = static_cast<int>(std::ceil(std::log(budget.delta) / std::log1p(-budget.max_error)));
  int errors = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    errors += !sorted[i].right;
    if (i + 1 < sorted.size() && sorted[i + 1].confidence == sorted[i].confidence) continue;
    const int n = static_cast<int>(i) + 1;
    if (n < least) continue;
    const double bound = UpperBound(n, errors, budget.delta);
    if (bound > budget.max_error) break;
    c = {true, sorted[i].confidence, c.num_points, n, errors, bound, 0};
  }
  if (!c.supported) c.missing = c.num_points < least ? least - c.num_points : -1;
  return c;
}

std::vector<CalibrationPoint> CalibrationOf(const Head& head, std::span<const LabelledText> examples,
                                            const EmbeddingMatrix& embeddings) {
  std::vector<CalibrationPoint> points;
  for (size_t i = 0; i < examples.size(); ++i) {
    const Prediction p = head.Predict(embeddings.row(i));
    points.push_back({p.label, p.confidence, head.labels()[static_cast<size_t>(p.label)] == examples[i].label});
  }
  return points;
}

std::string CalibrationId(std::span<const CalibrationPoint> points) {
  std::string text;
  for (const CalibrationPoint& p : points) text += fmt::format("{} {} {}\n", p.label, p.confidence, p.right);
  return Sha256Hex(text).substr(0, 16);
}

}  // namespace bantam
