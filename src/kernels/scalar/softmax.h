#pragma once

#include <algorithm>
#include <cmath>

namespace bantam {

// out[i] = exp((x[i] - max x) * scale); returns their sum
inline float ScalarSoftmax(const float* x, float* out, int count, float scale) {
  float largest = x[0];
  for (int i = 1; i < count; ++i) largest = std::max(largest, x[i]);
  float sum = 0;
  for (int i = 0; i < count; ++i) {
    out[i] = std::exp((x[i] - largest) * scale);
    sum += out[i];
  }
  return sum;
}

}  // namespace bantam
