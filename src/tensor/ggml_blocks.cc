// Where a comment says "16 scales", the element i of a block of 256 has scale i / 16. Nibbles of the older formats are
// in two halves: byte j has element j below and j + 16 above.
#include "tensor/ggml_blocks.h"

#include <array>

#include "base/check.h"
#include "base/half.h"

namespace bantam {
namespace {

uint8_t Byte(std::byte b) { return std::to_integer<uint8_t>(b); }
int SignedByte(std::byte b) { return static_cast<int8_t>(Byte(b)); }
int Low(std::byte b) { return Byte(b) & 0x0F; }
int High(std::byte b) { return Byte(b) >> 4; }

uint32_t LoadU32(const std::byte* p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// f16 scale, 16 bytes of nibbles: d * (q - 8).
void BlockQ4_0(const std::byte* in, float* out) {
  const float d = LoadHalf(in);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(Low(in[2 + j]) - 8);
    out[j + 16] = d * static_cast<float>(High(in[2 + j]) - 8);
  }
}

// f16 scale, f16 minimum, nibbles: d * q + m.
void BlockQ4_1(const std::byte* in, float* out) {
  const float d = LoadHalf(in), m = LoadHalf(in + 2);
  for (int j = 0; j < 16; ++j) {
    const float low = d * static_cast<float>(Low(in[4 + j]));
    const float high = d * static_cast<float>(High(in[4 + j]));
    out[j] = low + m;
    out[j + 16] = high + m;
  }
}

// f16 scale, 32 fifth bits, nibbles: d * (q - 16).
void BlockQ5_0(const std::byte* in, float* out) {
  const float d = LoadHalf(in);
  const uint32_t fifth = LoadU32(in + 2);
  for (int j = 0; j < 16; ++j) {
    const int low = Low(in[6 + j]) | static_cast<int>(fifth >> j & 1) << 4;
    const int high = High(in[6 + j]) | static_cast<int>(fifth >> (j + 16) & 1) << 4;
    out[j] = d * static_cast<float>(low - 16);
    out[j + 16] = d * static_cast<float>(high - 16);
  }
}

// f16 scale, f16 minimum, 32 fifth bits, nibbles: d * q + m.
void BlockQ5_1(const std::byte* in, float* out) {
  const float d = LoadHalf(in), m = LoadHalf(in + 2);
  const uint32_t fifth = LoadU32(in + 4);
  for (int j = 0; j < 16; ++j) {
    const int low = Low(in[8 + j]) | static_cast<int>(fifth >> j & 1) << 4;
    const int high = High(in[8 + j]) | static_cast<int>(fifth >> (j + 16) & 1) << 4;
    const float low_product = d * static_cast<float>(low), high_product = d * static_cast<float>(high);
    out[j] = low_product + m;
    out[j + 16] = high_product + m;
  }
}

// f16 scale, 32 signed bytes: q * d.
void BlockQ8_0(const std::byte* in, float* out) {
  const float d = LoadHalf(in);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(SignedByte(in[2 + j])) * d;
}

// The elements of the two-bit formats: byte 32 * half + l of `quants` has element l of each of the four quarters of
// that half, two bits each.
int TwoBits(const std::byte* quants, int element) {
  const int half = element / 128, quarter = element % 128 / 32, l = element % 32;
  return Byte(quants[32 * half + l]) >> (2 * quarter) & 3;
}

// 16 bytes: scale below, minimum above; 64 bytes of two bits; f16 scale of the scales, f16 of the minima.
void BlockQ2_K(const std::byte* in, float* out) {
  const std::byte *scales = in, *quants = in + 16;
  const float d = LoadHalf(in + 80), dmin = LoadHalf(in + 82);
  for (int i = 0; i < 256; ++i) {
    const float scale = d * static_cast<float>(Low(scales[i / 16]));
    const float minimum = dmin * static_cast<float>(High(scales[i / 16]));
    const float product = scale * static_cast<float>(TwoBits(quants, i));
    out[i] = product - minimum;
  }
}

// 32 bytes of third bits (bit i / 32 of byte i % 32; clear: 4 less), 64 bytes of two bits, 16 scales of six bits in 12
// bytes, f16 scale.
void BlockQ3_K(const std::byte* in, float* out) {
  const std::byte *third = in, *quants = in + 32, *packed = in + 96;
  const float d = LoadHalf(in + 108);
  std::array<float, 16> scales;
  for (int s = 0; s < 16; ++s) {
    const int low = s < 8 ? Low(packed[s]) : High(packed[s - 8]);
    const int high = Byte(packed[8 + s % 4]) >> (2 * (s / 4)) & 3;
    scales[static_cast<size_t>(s)] = d * static_cast<float>((low | high << 4) - 32);
  }
  for (int i = 0; i < 256; ++i) {
    const bool set = (Byte(third[i % 32]) >> (i / 32) & 1) != 0;
    out[i] = scales[static_cast<size_t>(i / 16)] * static_cast<float>(TwoBits(quants, i) - (set ? 0 : 4));
  }
}

// Scale and minimum of sub-block `s` of 8, six bits each in 12 bytes: those of the first four whole in bytes 0..7 (with
// two bits of the last four above them), the low four bits of the last four in bytes 8..11.
struct ScaleAndMinimum {
  int scale, minimum;
};
ScaleAndMinimum SixBits(const std::byte* packed, int s) {
  if (s < 4) return {Byte(packed[s]) & 0x3F, Byte(packed[s + 4]) & 0x3F};
  return {Low(packed[s + 4]) | (Byte(packed[s - 4]) >> 6) << 4, High(packed[s + 4]) | (Byte(packed[s]) >> 6) << 4};
}

// f16 scale of the scales, f16 of the minima, 12 bytes of eight scales and minima, 128 bytes: byte 32 * p + l has
// element l of sub-block 2 p below and of 2 p + 1 above.
void BlockQ4_K(const std::byte* in, float* out) {
  const float d = LoadHalf(in), dmin = LoadHalf(in + 2);
  const std::byte* quants = in + 16;
  for (int s = 0; s < 8; ++s) {
    const auto [six_scale, six_minimum] = SixBits(in + 4, s);
    const float scale = d * static_cast<float>(six_scale), minimum = dmin * static_cast<float>(six_minimum);
    for (int l = 0; l < 32; ++l) {
      const std::byte both = quants[32 * (s / 2) + l];
      const float product = scale * static_cast<float>(s % 2 == 0 ? Low(both) : High(both));
      out[32 * s + l] = product - minimum;
    }
  }
}

// As Q4_K with 32 bytes of fifth bits (bit s of byte l) before the nibbles.
void BlockQ5_K(const std::byte* in, float* out) {
  const float d = LoadHalf(in), dmin = LoadHalf(in + 2);
  const std::byte *fifth = in + 16, *quants = in + 48;
  for (int s = 0; s < 8; ++s) {
    const auto [six_scale, six_minimum] = SixBits(in + 4, s);
    const float scale = d * static_cast<float>(six_scale), minimum = dmin * static_cast<float>(six_minimum);
    for (int l = 0; l < 32; ++l) {
      const std::byte both = quants[32 * (s / 2) + l];
      const int q = (s % 2 == 0 ? Low(both) : High(both)) | (Byte(fifth[l]) >> s & 1) << 4;
      const float product = scale * static_cast<float>(q);
      out[32 * s + l] = product - minimum;
    }
  }
}

// 128 bytes of four bits (byte 64 * half + l: element l of the half below, l + 64 above), 64 bytes of the upper two
// bits as TwoBits has them, 16 signed scales, f16 scale.
void BlockQ6_K(const std::byte* in, float* out) {
  const std::byte *low = in, *high = in + 128, *scales = in + 192;
  const float d = LoadHalf(in + 208);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, l = i % 64;
    const std::byte both = low[64 * half + l];
    const int four = i % 128 < 64 ? Low(both) : High(both);
    const float scale = d * static_cast<float>(SignedByte(scales[i / 16]));
    out[i] = scale * static_cast<float>((four | TwoBits(high, i) << 4) - 32);
  }
}

// The sixteen levels of the non-linear formats.
constexpr std::array<int, 16> kLevels = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

float Level(int index) { return static_cast<float>(kLevels[static_cast<size_t>(index)]); }

// f16 scale, nibbles.
void BlockIQ4_NL(const std::byte* in, float* out) {
  const float d = LoadHalf(in);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * Level(Low(in[2 + j]));
    out[j + 16] = d * Level(High(in[2 + j]));
  }
}

// f16 scale, upper two bits of eight scales, their lower four bits, nibbles of eight IQ4_NL blocks.
void BlockIQ4_XS(const std::byte* in, float* out) {
  const float d = LoadHalf(in);
  const uint16_t upper = LoadU16(in + 2);
  for (int s = 0; s < 8; ++s) {
    const std::byte lower = in[4 + s / 2];
    const int six = (s % 2 == 0 ? Low(lower) : High(lower)) | (upper >> (2 * s) & 3) << 4;
    const float scale = d * static_cast<float>(six - 32);
    for (int j = 0; j < 16; ++j) {
      out[32 * s + j] = scale * Level(Low(in[8 + 16 * s + j]));
      out[32 * s + j + 16] = scale * Level(High(in[8 + 16 * s + j]));
    }
  }
}

template <void (*kBlock)(const std::byte*, float*)>
void Each(BlockLayout layout, std::span<const std::byte> bytes, std::span<float> out) {
  const size_t blocks = bytes.size() / layout.bytes;
  for (size_t b = 0; b < blocks; ++b) kBlock(bytes.data() + b * layout.bytes, out.data() + b * layout.elements);
}

}  // namespace

void DequantizeBlocks(DType dtype, std::span<const std::byte> bytes, std::span<float> out) {
  const BlockLayout layout = BlockOf(dtype);
  BANTAM_CHECK(bytes.size() % layout.bytes == 0 && out.size() == bytes.size() / layout.bytes * layout.elements,
               "{} values for {} bytes of {}", out.size(), bytes.size(), DTypeName(dtype));
  switch (dtype) {
    case DType::kQ4_0:
      return Each<BlockQ4_0>(layout, bytes, out);
    case DType::kQ4_1:
      return Each<BlockQ4_1>(layout, bytes, out);
    case DType::kQ5_0:
      return Each<BlockQ5_0>(layout, bytes, out);
    case DType::kQ5_1:
      return Each<BlockQ5_1>(layout, bytes, out);
    case DType::kQ8_0:
      return Each<BlockQ8_0>(layout, bytes, out);
    case DType::kQ2_K:
      return Each<BlockQ2_K>(layout, bytes, out);
    case DType::kQ3_K:
      return Each<BlockQ3_K>(layout, bytes, out);
    case DType::kQ4_K:
      return Each<BlockQ4_K>(layout, bytes, out);
    case DType::kQ5_K:
      return Each<BlockQ5_K>(layout, bytes, out);
    case DType::kQ6_K:
      return Each<BlockQ6_K>(layout, bytes, out);
    case DType::kIQ4_NL:
      return Each<BlockIQ4_NL>(layout, bytes, out);
    case DType::kIQ4_XS:
      return Each<BlockIQ4_XS>(layout, bytes, out);
    default:
      BANTAM_CHECK(false, "{} is not a block format", DTypeName(dtype));
  }
}

}  // namespace bantam
