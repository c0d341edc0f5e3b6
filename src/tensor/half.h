// The 16-bit floats, read exactly: subnormals, infinities and the payloads of NaN included.
#pragma once

#include <bit>
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

// At any byte: little-endian.
inline uint16_t LoadU16(const std::byte* p) {
  uint16_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
inline float LoadHalf(const std::byte* p) { return HalfToFloat(LoadU16(p)); }

}  // namespace bantam
