// The head's own threshold, from held-out confidences.
#pragma once

#include <span>

#include "learn/metrics.h"

namespace bantam {

// A message is answered when its confidence is at least the threshold.
//
// With out-of-scope examples: of the thresholds at which most messages get what they should (in scope: accepted with
// the right label; out of scope: rejected), where `share` of the messages are out of scope, that which is nearest to
// even odds, 0.5; but none that falsely rejects more than `max_false_rejection` of the in-scope ones. "Most" is within
// one standard error of the best: a hundred out-of-scope examples do not tell such thresholds apart, the best of them
// is best by chance, and the line of a true confidence is at even odds. Without such examples the confidence alone has
// to say: 0.5, or less where the limit on false rejections asks for it.
double ChooseThreshold(std::span<const WeightedOutcome> in_scope, std::span<const double> out_of_scope, double share,
                       double max_false_rejection);

}  // namespace bantam
