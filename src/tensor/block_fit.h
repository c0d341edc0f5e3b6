// The scale of a few weights, and their levels: found by trying ranges around the obvious one, each improved by least
// squares, for rounding and the best scale depend on each other.
#pragma once

#include <cstdint>
#include <span>

namespace bantam {

// Weights of one scale, and what an error in each counts.
struct WeightedValues {
  std::span<const float> x;
  std::span<const float> importance;
};

// x ~ scale * level with lowest <= level <= highest. The scale may be negative, so that the longer side of the levels
// lies where the largest weight is.
struct SymmetricFit {
  float scale = 0;
  double error = 0;
};
SymmetricFit FitSymmetric(const WeightedValues& values, int lowest, int highest);

// x ~ scale * level - minimum with 0 <= level <= highest and scale, minimum >= 0.
struct AffineFit {
  float scale = 0, minimum = 0;
  double error = 0;
};
AffineFit FitAffine(const WeightedValues& values, int highest);

// The nearest levels under a given scale and offset: round((x - offset) / scale), kept within the two.
void RoundToLevels(std::span<const float> x, float scale, float offset, int lowest, int highest,
                   std::span<int8_t> levels);

}  // namespace bantam
