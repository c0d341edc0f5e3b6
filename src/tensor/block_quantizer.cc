// The layouts are those of ggml_blocks.cc, written in place of read.
#include "tensor/block_quantizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/half.h"
#include "tensor/block_fit.h"

namespace bantam {
namespace {

constexpr int kSuperblock = 256;

std::byte Byte(int value) { return static_cast<std::byte>(static_cast<uint8_t>(value)); }

// Writes it, and returns what a reader will have.
float StoreHalf(float value, std::byte* out) {
  const uint16_t half = FloatToHalf(value);
  std::memcpy(out, &half, sizeof half);
  return HalfToFloat(half);
}

// f16 scale, 32 signed bytes.
void WriteQ8_0(WeightedValues block, std::byte* out) {
  float largest = 0;
  for (const float x : block.x) largest = std::max(largest, std::abs(x));
  const float scale = StoreHalf(largest / 127, out);
  std::array<int8_t, 32> levels;
  RoundToLevels(block.x, scale, 0, -127, 127, levels);
  std::memcpy(out + 2, levels.data(), levels.size());
}

// f16 scale, nibbles of level + 8 in two halves.
void WriteQ4_0(WeightedValues block, std::byte* out) {
  const float scale = StoreHalf(FitSymmetric(block, -8, 7).scale, out);
  std::array<int8_t, 32> levels;
  RoundToLevels(block.x, scale, 0, -8, 7, levels);
  for (size_t j = 0; j < 16; ++j) out[2 + j] = Byte((levels[j] + 8) | (levels[j + 16] + 8) << 4);
}

// f16 scale, f16 minimum, nibbles.
void WriteQ4_1(WeightedValues block, std::byte* out) {
  const AffineFit fit = FitAffine(block, 15);
  const float scale = StoreHalf(fit.scale, out), minimum = StoreHalf(-fit.minimum, out + 2);
  std::array<int8_t, 32> levels;
  RoundToLevels(block.x, scale, minimum, 0, 15, levels);
  for (size_t j = 0; j < 16; ++j) out[4 + j] = Byte(levels[j] | levels[j + 16] << 4);
}

// 32 fifth bits, then nibbles in two halves.
void WriteFiveBits(std::span<const int8_t> levels, std::byte* out) {
  uint32_t fifth = 0;
  for (size_t j = 0; j < 32; ++j) fifth |= static_cast<uint32_t>(levels[j] >> 4 & 1) << j;
  std::memcpy(out, &fifth, sizeof fifth);
  for (size_t j = 0; j < 16; ++j) out[4 + j] = Byte((levels[j] & 0xF) | (levels[j + 16] & 0xF) << 4);
}

// f16 scale; levels of -16 to 15, plus 16.
void WriteQ5_0(WeightedValues block, std::byte* out) {
  const float scale = StoreHalf(FitSymmetric(block, -16, 15).scale, out);
  std::array<int8_t, 32> levels;
  RoundToLevels(block.x, scale, 0, -16, 15, levels);
  for (int8_t& level : levels) level = static_cast<int8_t>(level + 16);
  WriteFiveBits(levels, out + 2);
}

// f16 scale, f16 minimum.
void WriteQ5_1(WeightedValues block, std::byte* out) {
  const AffineFit fit = FitAffine(block, 31);
  const float scale = StoreHalf(fit.scale, out), minimum = StoreHalf(-fit.minimum, out + 2);
  std::array<int8_t, 32> levels;
  RoundToLevels(block.x, scale, minimum, 0, 31, levels);
  WriteFiveBits(levels, out + 4);
}

// Eight scales and minima of six bits each, under one f16 for the scales and one for the minima.
struct SixBitScales {
  float d = 0, dmin = 0;
  std::array<int, 8> scale{}, minimum{};
};

double ErrorOf(const WeightedValues& group, float scale, float offset, std::span<const int8_t> levels) {
  double error = 0;
  for (size_t i = 0; i < group.x.size(); ++i) {
    const double off = static_cast<double>(group.x[i]) - scale * static_cast<float>(levels[i]) - offset;
    error += group.importance[i] * off * off;
  }
  return error;
}

WeightedValues Part(const WeightedValues& block, size_t index, size_t size) {
  return {block.x.subspan(index * size, size), block.importance.subspan(index * size, size)};
}

// Q4_K and Q5_K without the layout: scales, minima and 256 levels.
SixBitScales FitSixBits(const WeightedValues& block, int highest, std::span<int8_t> levels) {
  std::array<AffineFit, 8> fits;
  float most_scale = 0, most_minimum = 0;
  for (size_t s = 0; s < 8; ++s) {
    fits[s] = FitAffine(Part(block, s, 32), highest);
    most_scale = std::max(most_scale, fits[s].scale);
    most_minimum = std::max(most_minimum, fits[s].minimum);
  }
  SixBitScales six;
  six.d = most_scale / 63;
  six.dmin = most_minimum / 63;
  const auto half = [](float value) { return HalfToFloat(FloatToHalf(value)); };
  SixBitScales best;
  std::array<int8_t, kSuperblock> tried;
  double least = -1;
  // Each round rounds the scales and minima under d and dmin, then fits these two to the levels that came out.
  for (int round = 0; round < 4; ++round) {
    six.d = half(six.d);
    six.dmin = half(six.dmin);
    double error = 0, ss = 0, mm = 0, sm = 0, xs = 0, xm = 0;
    for (size_t s = 0; s < 8; ++s) {
      const WeightedValues group = Part(block, s, 32);
      const auto six_bits = [](float value, float unit) {
        return unit > 0 ? std::clamp(static_cast<int>(std::nearbyint(value / unit)), 0, 63) : 0;
      };
      const int near_scale = six_bits(fits[s].scale, six.d), near_minimum = six_bits(fits[s].minimum, six.dmin);
      // The neighbours too: the two roundings are not independent.
      double least_here = -1;
      for (int scale = std::max(near_scale - 1, 0); scale <= std::min(near_scale + 1, 63); ++scale) {
        for (int minimum = std::max(near_minimum - 1, 0); minimum <= std::min(near_minimum + 1, 63); ++minimum) {
          std::array<int8_t, 32> here;
          const float step = six.d * static_cast<float>(scale), offset = -six.dmin * static_cast<float>(minimum);
          RoundToLevels(group.x, step, offset, 0, highest, here);
          const double error_here = ErrorOf(group, step, offset, here);
          if (least_here >= 0 && error_here >= least_here) continue;
          least_here = error_here;
          six.scale[s] = scale;
          six.minimum[s] = minimum;
          std::ranges::copy(here, tried.begin() + static_cast<ptrdiff_t>(32 * s));
        }
      }
      error += least_here;
      for (size_t i = 0; i < 32; ++i) {
        const double w = group.importance[i], x = group.x[i];
        const double a = six.scale[s] * tried[32 * s + i], b = -six.minimum[s];
        ss += w * a * a;
        mm += w * b * b;
        sm += w * a * b;
        xs += w * x * a;
        xm += w * x * b;
      }
    }
    if (least < 0 || error < least) {
      least = error;
      best = six;
      std::ranges::copy(tried, levels.begin());
    }
    const double determinant = ss * mm - sm * sm;
    if (determinant > 1e-12 * ss * mm) {
      six.d = static_cast<float>((xs * mm - xm * sm) / determinant);
      six.dmin = static_cast<float>((xm * ss - xs * sm) / determinant);
    } else if (ss > 0) {
      six.d = static_cast<float>(xs / ss);
    }
    if (!(six.d > 0)) break;
    six.dmin = std::max(six.dmin, 0.0f);
  }
  return best;
}

void WriteSixBits(const SixBitScales& six, std::byte* out) {
  StoreHalf(six.d, out);
  StoreHalf(six.dmin, out + 2);
  std::byte* packed = out + 4;
  for (size_t s = 0; s < 4; ++s) {
    packed[s] = Byte(six.scale[s] | six.scale[s + 4] >> 4 << 6);
    packed[s + 4] = Byte(six.minimum[s] | six.minimum[s + 4] >> 4 << 6);
    packed[s + 8] = Byte((six.scale[s + 4] & 0xF) | (six.minimum[s + 4] & 0xF) << 4);
  }
}

void WriteQ4_K(WeightedValues block, std::byte* out) {
  std::array<int8_t, kSuperblock> levels;
  WriteSixBits(FitSixBits(block, 15, levels), out);
  for (size_t p = 0; p < 4; ++p) {
    for (size_t l = 0; l < 32; ++l) out[16 + 32 * p + l] = Byte(levels[64 * p + l] | levels[64 * p + 32 + l] << 4);
  }
}

void WriteQ5_K(WeightedValues block, std::byte* out) {
  std::array<int8_t, kSuperblock> levels;
  WriteSixBits(FitSixBits(block, 31, levels), out);
  for (size_t l = 0; l < 32; ++l) {
    int fifth = 0;
    for (size_t s = 0; s < 8; ++s) fifth |= (levels[32 * s + l] >> 4) << s;
    out[16 + l] = Byte(fifth);
    for (size_t p = 0; p < 4; ++p) {
      out[48 + 32 * p + l] = Byte((levels[64 * p + l] & 0xF) | (levels[64 * p + 32 + l] & 0xF) << 4);
    }
  }
}

// 16 signed scales of 16 weights each under one f16; levels of -32 to 31.
void WriteQ6_K(WeightedValues block, std::byte* out) {
  std::array<float, 16> scales;
  float largest = 0;
  for (size_t s = 0; s < 16; ++s) {
    scales[s] = FitSymmetric(Part(block, s, 16), -32, 31).scale;
    if (std::abs(scales[s]) > std::abs(largest)) largest = scales[s];
  }
  // The largest at the longer end.
  const float d = StoreHalf(largest / -128, out + 208);
  std::array<int8_t, kSuperblock> levels;
  for (size_t s = 0; s < 16; ++s) {
    const WeightedValues group = Part(block, s, 16);
    const int near = d != 0 ? std::clamp(static_cast<int>(std::nearbyint(scales[s] / d)), -128, 127) : 0;
    double least = -1;
    int chosen = 0;
    for (int scale = std::max(near - 1, -128); scale <= std::min(near + 1, 127); ++scale) {
      std::array<int8_t, 16> here;
      const float step = d * static_cast<float>(scale);
      RoundToLevels(group.x, step, 0, -32, 31, here);
      const double error = ErrorOf(group, step, 0, here);
      if (least >= 0 && error >= least) continue;
      least = error;
      chosen = scale;
      std::ranges::copy(here, levels.begin() + static_cast<ptrdiff_t>(16 * s));
    }
    out[192 + s] = Byte(chosen);
  }
  const auto six = [&](size_t i) { return levels[i] + 32; };
  for (size_t half = 0; half < 2; ++half) {
    for (size_t l = 0; l < 64; ++l) {
      out[64 * half + l] = Byte((six(128 * half + l) & 0xF) | (six(128 * half + 64 + l) & 0xF) << 4);
    }
    for (size_t l = 0; l < 32; ++l) {
      int two = 0;
      for (size_t quarter = 0; quarter < 4; ++quarter) {
        two |= (six(128 * half + 32 * quarter + l) >> 4) << (2 * quarter);
      }
      out[128 + 32 * half + l] = Byte(two);
    }
  }
}

void (*WriterOf(DType dtype))(WeightedValues, std::byte*) {
  switch (dtype) {
    case DType::kQ8_0:
      return WriteQ8_0;
    case DType::kQ4_0:
      return WriteQ4_0;
    case DType::kQ4_1:
      return WriteQ4_1;
    case DType::kQ5_0:
      return WriteQ5_0;
    case DType::kQ5_1:
      return WriteQ5_1;
    case DType::kQ4_K:
      return WriteQ4_K;
    case DType::kQ5_K:
      return WriteQ5_K;
    case DType::kQ6_K:
      return WriteQ6_K;
    default:
      return nullptr;
  }
}

}  // namespace

bool CanQuantizeTo(DType dtype) { return WriterOf(dtype) != nullptr; }

void QuantizeToBlocks(DType dtype, std::span<const float> values, std::span<const float> importance,
                      std::span<std::byte> out) {
  const auto write = WriterOf(dtype);
  BANTAM_CHECK(write != nullptr, "{} cannot be written", DTypeName(dtype));
  const BlockLayout layout = BlockOf(dtype);
  static constexpr auto kAlike = [] {
    std::array<float, kSuperblock> ones{};
    ones.fill(1);
    return ones;
  }();
  BANTAM_CHECK(values.size() % layout.elements == 0 && importance.size() % layout.elements == 0 &&
                   out.size() == values.size() / layout.elements * layout.bytes,
               "{} values in {} bytes of {}", values.size(), out.size(), DTypeName(dtype));
  for (size_t at = 0; at < values.size(); at += layout.elements) {
    const std::span<const float> counts = importance.empty()
                                              ? std::span<const float>(kAlike).first(layout.elements)
                                              : importance.subspan(at % importance.size(), layout.elements);
    write({values.subspan(at, layout.elements), counts}, out.data() + at / layout.elements * layout.bytes);
  }
}

}  // namespace bantam
