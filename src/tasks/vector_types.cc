#include "tasks/vector_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/text_util.h"
#include "layers/pooling.h"

namespace bantam {
namespace {

static_assert(std::endian::native == std::endian::little);

struct TypeName {
  std::string_view name;
  VectorType type;
};
constexpr std::array kTypeNames = {
    TypeName{"float32", VectorType::kFloat32}, TypeName{"int8", VectorType::kInt8},
    TypeName{"uint8", VectorType::kUint8},     TypeName{"binary", VectorType::kBinary},
    TypeName{"ubinary", VectorType::kUbinary},
};

// 0 to 255.
uint8_t Step(float value, float minimum, float maximum) {
  float step = (maximum - minimum) / 255.0f;
  if (step == 0) step = 1;
  return static_cast<uint8_t>(std::clamp(std::floor((value - minimum) / step), 0.0f, 255.0f));
}

void AppendBits(std::span<const float> vector, uint8_t offset, std::string& out) {
  for (size_t begin = 0; begin < vector.size(); begin += 8) {
    unsigned bits = 0;
    for (size_t i = begin; i < begin + 8; ++i) bits = bits << 1 | (i < vector.size() && vector[i] > 0 ? 1u : 0u);
    out += static_cast<char>(static_cast<uint8_t>(bits - offset));
  }
}

}  // namespace

std::string_view VectorTypeName(VectorType type) {
  for (const TypeName& known : kTypeNames) {
    if (known.type == type) return known.name;
  }
  return "unknown";
}

Result<VectorType> VectorTypeNamed(std::string_view name) {
  if (name == "float" || name == "f32") return VectorType::kFloat32;
  for (const TypeName& known : kTypeNames) {
    if (known.name == name) return known.type;
  }
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is no type of vectors; known: float, int8, uint8, binary, ubinary",
             EscapeForTerminal(name, 80));
}

size_t BytesOf(VectorType type, size_t dimensions) {
  if (type == VectorType::kFloat32) return dimensions * sizeof(float);
  return NeedsRanges(type) ? dimensions : (dimensions + 7) / 8;
}

ValueRanges RangesOf(std::span<const float> values, size_t dimensions) {
  BANTAM_CHECK(!values.empty() && values.size() % dimensions == 0);
  ValueRanges ranges;
  ranges.minimum.assign(values.begin(), values.begin() + static_cast<ptrdiff_t>(dimensions));
  ranges.maximum = ranges.minimum;
  for (size_t i = 0; i < values.size(); ++i) {
    float& low = ranges.minimum[i % dimensions];
    float& high = ranges.maximum[i % dimensions];
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  return ranges;
}

ValueRanges UnitVectorRanges(size_t dimensions) {
  const auto reach = static_cast<float>(4.0 / std::sqrt(static_cast<double>(dimensions)));
  return {std::vector<float>(dimensions, -reach), std::vector<float>(dimensions, reach)};
}

Result<ValueRanges> ReadRanges(const Path& path, size_t dimensions) {
  constexpr uint64_t kMaxBytes = 1 << 20;
  const std::string place = EscapeForTerminal(path.string(), 400);
  BANTAM_TRY(const std::string file, ReadFile(path, kMaxBytes));
  // Version 1.0 of the format: magic, 2 bytes of header length, a Python dictionary.
  constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
  if (!file.starts_with(kMagic) || file.size() < 10) {
    return Err(ErrorCode::kCorrupt, "{}: not a NumPy .npy file of version 1.0", place);
  }
  const size_t length = static_cast<uint8_t>(file[8]) | static_cast<size_t>(static_cast<uint8_t>(file[9])) << 8;
  const std::string_view header = std::string_view(file).substr(10, length);
  const std::string shape = fmt::format("(2, {})", dimensions);
  if (header.find("'<f4'") == std::string_view::npos || header.find("False") == std::string_view::npos ||
      header.find(shape) == std::string_view::npos || file.size() != 10 + length + 2 * dimensions * sizeof(float)) {
    return Err(ErrorCode::kCorrupt, "{}: expected float32 of shape {}, in C order: the minima, then the maxima", place,
               shape);
  }
  ValueRanges ranges{std::vector<float>(dimensions), std::vector<float>(dimensions)};
  std::memcpy(ranges.minimum.data(), file.data() + 10 + length, dimensions * sizeof(float));
  std::memcpy(ranges.maximum.data(), file.data() + 10 + length + dimensions * sizeof(float),
              dimensions * sizeof(float));
  for (size_t i = 0; i < dimensions; ++i) {
    if (!std::isfinite(ranges.minimum[i]) || !std::isfinite(ranges.maximum[i]) ||
        ranges.minimum[i] > ranges.maximum[i]) {
      return Err(ErrorCode::kCorrupt, "{}: dimension {} ranges from {} to {}", place, i, ranges.minimum[i],
                 ranges.maximum[i]);
    }
  }
  return ranges;
}

void AppendVector(std::span<const float> vector, VectorType type, const ValueRanges* ranges, std::string& out) {
  BANTAM_CHECK(!NeedsRanges(type) || (ranges != nullptr && ranges->dimensions() >= vector.size()));
  switch (type) {
    case VectorType::kFloat32:
      out.append(reinterpret_cast<const char*>(vector.data()), vector.size_bytes());
      break;
    case VectorType::kInt8:
    case VectorType::kUint8:
      for (size_t i = 0; i < vector.size(); ++i) {
        const uint8_t step = Step(vector[i], ranges->minimum[i], ranges->maximum[i]);
        out += static_cast<char>(type == VectorType::kInt8 ? step ^ 0x80 : step);  // step - 128 in two's complement
      }
      break;
    case VectorType::kBinary:
      AppendBits(vector, 128, out);
      break;
    case VectorType::kUbinary:
      AppendBits(vector, 0, out);
      break;
  }
}

void CutVector(std::vector<float>& vector, size_t dimensions) {
  if (dimensions >= vector.size()) return;
  vector.resize(dimensions);
  NormalizeL2(vector);
}

void NormalizeVector(std::span<float> vector) { NormalizeL2(vector); }

}  // namespace bantam
