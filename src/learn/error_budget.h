// An error budget in place of a threshold: which confidence must a message reach, so that no more than `max_error` of
// what is answered is wrong?
//
//   const Certificate c = Certify(head.calibration(), {.max_error = 0.02, .delta = 0.05});
//   if (c.supported && prediction.confidence >= c.threshold) answer();
//   else if (!c.supported) fmt::print("{} more labelled messages would do\n", c.missing);
//
// A threshold that is picked on the data that judge it is too good to be true: of many that are tried some pass by
// luck. Here thresholds are tried in an order that does not depend on what is right, from strict to lax, each by the
// exact binomial test, and the first that fails ends it (fixed-sequence testing: Angelopoulos and others, "Learn then
// Test", arXiv:2110.01052). So the chance that the one chosen breaks the budget is at most delta, without any
// correction for how many were tried.
//
// The promise is about messages like those of the calibration, in the same mixture of routes and of what is out of
// scope, and about all answers together, not about each route. Under drift it lapses.
#pragma once

#include <limits>
#include <span>
#include <string>

namespace bantam {

// P(share of wrong answers among those given > max_error) <= delta, over the draw of the calibration messages.
struct ErrorBudget {
  double max_error = 0.02;  // in (0, 1)
  double delta = 0.05;      // in (0, 1)
};

// A message that the head had not seen: what it would answer, how sure it is, and whether that is right. What is out of
// scope has no right answer.
struct CalibrationPoint {
  int label = -1;  // index into Head::labels()
  float confidence = 0;
  bool right = false;
};

struct Certificate {
  bool supported = false;
  // Answer from this confidence on; above every confidence when the data do not support the budget.
  double threshold = std::numeric_limits<double>::infinity();
  int num_points = 0, num_answered = 0, num_errors = 0;  // of the calibration, at the threshold
  double upper_bound = 1;  // of the share of wrong answers at the threshold, at confidence 1 - delta
  // When not supported: how many more messages would do, if the head errs on them as on these; kNoNumber: none would.
  int missing = 0;
  static constexpr int kNoNumber = -1;
};

Certificate Certify(std::span<const CalibrationPoint> points, const ErrorBudget& budget);

// The least number of answers, none of them wrong, that supports a budget: 59 for 5 %, 149 for 2 %, 299 for 1 % at
// delta = 5 %.
int LeastAnswers(const ErrorBudget& budget);

// What look number 1, 2, ... at the same growing set of messages may spend of delta, where each could end in a promise:
// delta / (look (look + 1)), which is delta over all looks together, however many (alpha spending, as in group
// sequential tests). Look 0: there is no other, all of it.
double DeltaOfLook(double delta, int64_t look);

// Says which calibration a decision rests on: a hash of the points, 16 hex digits.
std::string CalibrationId(std::span<const CalibrationPoint> points);

}  // namespace bantam
