// The head's own threshold, from held-out confidences.
#pragma once

#include <span>

#include "learn/metrics.h"

namespace bantam {

// A message is answered when its confidence is at least the threshold.
//
// With out-of-scope examples: the threshold at which most messages get what they should (in scope: accepted with the
// right label; out of scope: rejected), where `share` of the messages are out of scope; but none that falsely rejects
// more than `max_false_rejection` of the in-scope ones. Without them the confidence alone has to say: even odds, 0.5,
// or less where the limit on false rejections asks for it.
double ChooseThreshold(std::span<const WeightedOutcome> in_scope, std::span<const double> out_of_scope, double share,
                       double max_false_rejection);

}  // namespace bantam
