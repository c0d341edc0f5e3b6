// Rounds the weights of a row to 4 bits one after the other, each time moving the error that the row's output gets from
// it onto the weights that are still free (GPTQ: Frantar and others, 2023; after Hassibi and Stork's optimal brain
// surgeon, 1993).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bantam {

class OptimalRounding {
 public:
  // moments: [in, in], the mean of x x^T of the layer's inputs.
  OptimalRounding(std::span<const float> moments, int in_features);

  // row: [in], changed on the way. levels: [in], scales: one for each group of 32, bfloat16.
  void Round(std::span<float> row, std::span<int8_t> levels, std::span<uint16_t> scales) const;

 private:
  size_t size_;
  std::vector<float> spread_;      // [in, in], upper triangle: how the error of weight i is spread over the later ones
  std::vector<float> importance_;  // [in]
};

}  // namespace bantam
