// What looks at every logit of a step. A vocabulary has 50,000 tokens or 250,000, and a small model a step of a few
// milliseconds: all of it goes in vectors.
//
//   BANTAM_TRY(const size_t place, MostProbable(logits));
//   Weigh(logits, logits[place], temperature, weights);
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/result.h"

namespace bantam {

// Of a token that cannot follow.
constexpr float kNoLogit = -std::numeric_limits<float>::infinity();

struct LogitRow {
  int32_t id;
  float logit;
};

// Most probable first; of equal ones the lower id, so that an order exists whatever came before.
template <typename T>
bool MoreProbable(const T& a, const T& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// The place of the largest, of equal ones of the first. kCorrupt when no logit is finite or one is not a number.
Result<size_t> MostProbable(std::span<const float> logits);
// The first `count` in that order.
std::vector<LogitRow> FirstOf(std::span<const float> logits, size_t count);

// What a token's log probability is its logit less: log(sum(exp(logits))). Errors as of MostProbable.
Result<double> LogSumExp(std::span<const float> logits);
// weights[i] = exp((logits[i] - largest) / temperature), but 0 where that is less than e^-86: processors take a hundred
// times as long where a result is denormal, and of the tokens that a constraint does not allow each would be.
void Weigh(std::span<const float> logits, float largest, float temperature, std::span<float> weights);
double Sum(std::span<const float> x);

// The logits of tokens without a bit in `allowed` become kNoLogit. By words: of most places in a grammar nearly all are
// full or empty.
void KeepAllowed(std::span<float> logits, std::span<const uint32_t> allowed);

}  // namespace bantam
