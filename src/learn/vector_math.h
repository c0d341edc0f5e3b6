// Small numeric pieces of this room, written so that the compiler vectorises the loops around them.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

namespace bantam {

// exp(x) for x <= 0, to 2 units in the last place; 0 below -87. Unlike std::exp it vectorises, and it gives the same
// bits with every C library. exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2 in two parts (Cody and Waite).
inline float ExpF(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the integer in the low bits
  const float clamped = x > -87.0f ? x : -87.0f;
  const float shifted = clamped * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.0f / 5040;  // Taylor: the eighth term is below 1e-8 here
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) - 0x4B400000u + 127u) << 23;
  const float result = p * std::bit_cast<float>(exponent);
  return x > -87.0f ? result : 0.0f;
}

// Sixteen chains, in a fixed order.
inline float DotF(std::span<const float> a, std::span<const float> b) {
  constexpr size_t kChains = 16;
  float sum[kChains] = {};
  size_t i = 0;
  for (; i + kChains <= a.size(); i += kChains) {
    for (size_t lane = 0; lane < kChains; ++lane) sum[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < a.size(); ++i) sum[i % kChains] += a[i] * b[i];
  for (size_t width = kChains / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) sum[lane] += sum[lane + width];
  }
  return sum[0];
}

inline double Sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

}  // namespace bantam
