// The activation functions with the C library's exp and erf.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/kernel_table.h"

namespace bantam {

inline float ScalarActivate(float x, Activation activation) {
  switch (activation) {
    case kActivationNone:
      return x;
    case kActivationGelu:
      return 0.5f * x * std::erfc(-x * 0.70710678f);
    case kActivationGeluTanh:
      return 0.5f * x * (1.0f + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
    case kActivationRelu:
      return std::max(x, 0.0f);
    case kActivationSilu:
      return x / (1.0f + std::exp(-x));
  }
  return x;
}

}  // namespace bantam
