#include "learn/error_budget.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/sha256.h"
#include "learn/binomial.h"

namespace bantam {
namespace {

// The sequence starts where this many wrong labels among the surest answers are still forgiven, if there are points
// enough, and goes on in this share of the points: finer steps only give chance more occasions to end it.
constexpr int kForgiven = 2;
constexpr int kSteps = 200;
constexpr int kMostExamples = 10'000'000;

bool Passes(int64_t errors, int64_t answers, const ErrorBudget& budget) {
  return answers > 0 && BinomialCdf(errors, answers, budget.max_error) <= budget.delta;
}

// The least number of answers that supports the budget with `errors` among them.
int AnswersFor(int64_t errors, const ErrorBudget& budget) {
  int64_t low = errors, high = errors + 1;  // `low` does not pass
  while (!Passes(errors, high, budget)) {
    low = high;
    high *= 2;
    if (high > kMostExamples) return kMostExamples;
  }
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (Passes(errors, middle, budget) ? high : low) = middle;
  }
  return static_cast<int>(high);
}

// How many answers with errors at the rate of `errors` in `answers` would support it; nothing when none would.
std::optional<int> AnswersAtRate(int errors, int answers, const ErrorBudget& budget) {
  if (errors >= budget.max_error * answers) return std::nullopt;
  const auto passes = [&](int64_t n) {
    const auto expected =
        static_cast<int64_t>(std::ceil(static_cast<double>(errors) * static_cast<double>(n) / answers));
    return Passes(std::min(expected, n), n, budget);
  };
  int64_t low = answers, high = std::max(answers, 1);
  while (!passes(high)) {
    low = high;
    high *= 2;
    if (high > kMostExamples) return std::nullopt;
  }
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (passes(middle) ? high : low) = middle;
  }
  return static_cast<int>(high);
}

// Points from sure to unsure; a prefix of `answers` of them is what some threshold answers.
class Sequence {
 public:
  explicit Sequence(std::span<const CalibrationPoint> points) : points_(points.begin(), points.end()) {
    std::stable_sort(points_.begin(), points_.end(),
                     [](const auto& a, const auto& b) { return a.confidence > b.confidence; });
    errors_.push_back(0);
    for (const CalibrationPoint& point : points_) errors_.push_back(errors_.back() + (point.right ? 0 : 1));
  }
  int size() const { return static_cast<int>(points_.size()); }
  int errors(int answers) const { return errors_[static_cast<size_t>(answers)]; }
  // Points of one confidence are answered together: the least prefix of at least `answers` that a threshold can make.
  int Whole(int answers) const {
    while (answers > 0 && answers < size() && at(answers - 1) == at(answers)) ++answers;
    return answers;
  }
  // Just above the first that is not answered. Given that one, those above it are independent draws of what is
  // answered.
  double ThresholdAfter(int answers) const {
    return answers == size() ? 0 : std::nextafter(at(answers), std::numeric_limits<float>::infinity());
  }

 private:
  float at(int i) const { return points_[static_cast<size_t>(i)].confidence; }
  std::vector<CalibrationPoint> points_;
  std::vector<int> errors_;  // among the first i
};

// What is tried, in this order. It depends on the confidences alone, never on what is right.
std::vector<int> Prefixes(const Sequence& sequence, const ErrorBudget& budget) {
  int first = AnswersFor(0, budget);
  for (int errors = 1; errors <= kForgiven; ++errors) {
    if (const int answers = AnswersFor(errors, budget); answers <= sequence.size()) first = answers;
  }
  const int step = std::max(1, sequence.size() / kSteps);
  std::vector<int> prefixes;
  for (int n = std::min(first, sequence.size()); n > 0; n = std::min(n + step, sequence.size())) {
    n = sequence.Whole(n);
    prefixes.push_back(n);
    if (n == sequence.size()) break;
  }
  return prefixes;
}

// How many more points it would take, at the threshold that asks for fewest.
int Missing(const Sequence& sequence, std::span<const int> prefixes, const ErrorBudget& budget) {
  if (sequence.size() == 0) return AnswersFor(0, budget);
  std::optional<int> missing;
  for (const int answers : prefixes) {
    const std::optional<int> needed = AnswersAtRate(sequence.errors(answers), answers, budget);
    if (!needed) continue;
    const double answered = static_cast<double>(answers) / sequence.size();
    const int more = std::max(1, static_cast<int>(std::ceil((*needed - answers) / answered)));
    missing = std::min(missing.value_or(more), more);
  }
  return missing.value_or(Certificate::kNoNumber);
}

}  // namespace

double DeltaOfLook(double delta, int64_t look) {
  const auto number = static_cast<double>(look);
  return look <= 0 ? delta : delta / (number * (number + 1));
}

int LeastAnswers(const ErrorBudget& budget) { return AnswersFor(0, budget); }

Certificate Certify(std::span<const CalibrationPoint> points, const ErrorBudget& budget) {
  BANTAM_CHECK(budget.max_error > 0 && budget.max_error < 1 && budget.delta > 0 && budget.delta < 1);
  const Sequence sequence(points);
  const std::vector<int> prefixes = Prefixes(sequence, budget);
  Certificate result;
  result.num_points = sequence.size();
  for (const int answers : prefixes) {
    if (!Passes(sequence.errors(answers), answers, budget)) break;
    result.supported = true;
    result.num_answered = answers;
  }
  if (!result.supported) {
    result.missing = Missing(sequence, prefixes, budget);
    return result;
  }
  result.num_errors = sequence.errors(result.num_answered);
  result.threshold = sequence.ThresholdAfter(result.num_answered);
  result.upper_bound = BinomialUpperBound(result.num_errors, result.num_answered, 1 - budget.delta);
  return result;
}

std::string CalibrationId(std::span<const CalibrationPoint> points) {
  std::string bytes;
  for (const CalibrationPoint& point : points) {
    bytes.append(reinterpret_cast<const char*>(&point.label), sizeof point.label);
    bytes.append(reinterpret_cast<const char*>(&point.confidence), sizeof point.confidence);
    bytes.push_back(point.right ? 1 : 0);
  }
  return Sha256Hex(bytes).substr(0, 16);
}

}  // namespace bantam
