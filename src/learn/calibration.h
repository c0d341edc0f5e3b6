// From scores to probabilities that mean what they say, fitted on held-out scores.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "base/thread_pool.h"

namespace bantam {

// softmax(logits / temperature). [logits.size()], at least one, all finite.
std::vector<double> Softmax(std::span<const float> logits, double temperature);

// The T that makes softmax(logits / T) most likely. logits: [labels.size(), num_labels], row-major.
// Each label counts 1 - 1 / (n + 2) of its example and the others share the rest (Platt's targets): without that a few
// dozen examples that are all right would ask for T = 0, certainty. In [0.05, 20]. At least one example.
double FitTemperature(std::span<const float> logits, std::span<const int> labels, int num_labels, ThreadPool& pool);

// P(positive) = sigmoid(intercept + coefficients . features)
using LogisticFeatures = std::array<double, 4>;
struct Logistic {
  LogisticFeatures coefficients{};
  double intercept = 0;
};

// The coefficients most likely under a normal prior of standard deviation `prior_deviation` around `prior`, by Newton's
// method. Both classes weigh the same, as much together as twice the smaller one: features of many positives say no
// more about the border than the few negatives beside it.
Logistic FitLogistic(std::span<const LogisticFeatures> positives, std::span<const LogisticFeatures> negatives,
                     const Logistic& prior, double prior_deviation);

}  // namespace bantam
