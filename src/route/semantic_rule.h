// What the route file says about answers to questions that were asked in other words.
#pragma once

#include "route/pairs/pair_verifier.h"

namespace bantam {

// With whom answers are shared: each user of a tenant alone, those of one tenant, everybody.
enum class CacheScope { kUser, kTenant, kGlobal };

struct SemanticCacheRule {
  PairRule pairs = {};
  CrossEncoderRule cross_encoder = {};
  double max_wrong_hit = 0.01;    // above it, for certain, the semantic cache closes itself
  double audit_rate = 0.01;       // share of the hits that are asked again, to know how many are wrong
  double audit_similarity = 0.8;  // of the two answers, by cosine, from which on they are the same; 1: to the letter
};

}  // namespace bantam
