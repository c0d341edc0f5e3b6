// The 16-bit floats, read and written exactly: subnormals, infinities and the payloads of NaN included.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bantam {

// IEEE 754 binary16.
inline float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = half >> 10 & 0x1F;
  const uint32_t fraction = half & 0x3FF;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 31 ? 0xFF : exponent + 112;  // infinity and NaN keep all ones
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

// The nearest binary16, ties to even; beyond its range the largest finite one. What is not a number stays so.
inline uint16_t FloatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const float magnitude = std::bit_cast<float>(bits & 0x7FFF'FFFF);
  if (std::isnan(magnitude)) return sign | 0x7E00;
  if (magnitude > 65504) return sign | 0x7BFF;
  if (magnitude < 0x1p-14f) {
    // Adding 2^-1 leaves the multiple of 2^-24 in the lowest bits, rounded by the addition.
    return sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(magnitude + 0.5f) - std::bit_cast<uint32_t>(0.5f));
  }
  const uint32_t wide = bits & 0x7FFF'FFFF;
  return sign | static_cast<uint16_t>((wide + 0xFFF + (wide >> 13 & 1) - (112U << 23)) >> 13);
}

// bfloat16.
inline float Bf16ToFloat(uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); }

// The nearest bfloat16, ties to even. What is not a number stays so.
inline uint16_t FloatToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// At any byte: little-endian.
inline uint16_t LoadU16(const std::byte* p) {
  uint16_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
inline float LoadHalf(const std::byte* p) { return HalfToFloat(LoadU16(p)); }

}  // namespace bantam
