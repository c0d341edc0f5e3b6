// What is known of a share at any time while it is still being counted. An exact interval (binomial.h) holds for one
// look at a number of trials that was settled before; looked at after every trial, it is wrong sooner or later. This
// one may be looked at whenever one likes, and whatever is decided by it: the chance that it ever fails to hold the
// true share is at most 1 - confidence.
#pragma once

#include "learn/binomial.h"

namespace bantam {

// The shares p under which no gambler against p would have multiplied his stake by 1 / (1 - confidence): his bets are a
// mixture of all shares (Beta(1/2, 1/2)), so that they depend on the two numbers alone (Ville 1939, Robbins 1970).
BinomialInterval ConfidenceAtAnyTime(int64_t hits, int64_t n, double confidence);

}  // namespace bantam
