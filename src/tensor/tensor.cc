#include "tensor/tensor.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace bantam {
namespace {

static_assert(std::endian::native == std::endian::little, "model files are read in place: little-endian only");

struct DTypeRow {
  DType dtype;
  std::string_view name;
  size_t bytes;
};
constexpr std::array kDTypes = {
    DTypeRow{DType::kF32, "F32", 4},  DTypeRow{DType::kF16, "F16", 2}, DTypeRow{DType::kBF16, "BF16", 2},
    DTypeRow{DType::kF64, "F64", 8},  DTypeRow{DType::kI8, "I8", 1},   DTypeRow{DType::kI16, "I16", 2},
    DTypeRow{DType::kI32, "I32", 4},  DTypeRow{DType::kI64, "I64", 8}, DTypeRow{DType::kU8, "U8", 1},
    DTypeRow{DType::kU16, "U16", 2},  DTypeRow{DType::kU32, "U32", 4}, DTypeRow{DType::kU64, "U64", 8},
    DTypeRow{DType::kBool, "BOOL", 1}};

const DTypeRow& Row(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return row;
  }
  BANTAM_CHECK(false, "dtype {} is not in the table", static_cast<int>(dtype));
}

// IEEE 754 binary16; exact, subnormals included.
float HalfToFloat(uint16_t half) {
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

// Reads with memcpy: a tensor may start at any byte of its file.
template <typename Stored, typename Convert>
void ConvertEach(std::span<const std::byte> bytes, std::span<float> out, Convert convert) {
  for (size_t i = 0; i < out.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof stored, sizeof stored);
    out[i] = convert(stored);
  }
}

}  // namespace

std::string_view DTypeName(DType dtype) { return Row(dtype).name; }

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

size_t DTypeBytes(DType dtype) { return Row(dtype).bytes; }

std::string ShapeString(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

int64_t NumElements(const Shape& shape) {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

void CopyToF32(const TensorView& tensor, std::span<float> out) {
  BANTAM_CHECK(out.size() == static_cast<size_t>(NumElements(tensor.shape)) &&
                   tensor.bytes.size() == out.size() * DTypeBytes(tensor.dtype),
               "{} values for {} of {} bytes", out.size(), ShapeString(tensor.shape), tensor.bytes.size());
  if (out.empty()) return;
  switch (tensor.dtype) {
    case DType::kF32:
      std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
      return;
    case DType::kF16:
      ConvertEach<uint16_t>(tensor.bytes, out, HalfToFloat);
      return;
    case DType::kBF16:
      ConvertEach<uint16_t>(tensor.bytes, out, [](uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); });
      return;
    case DType::kF64:
      ConvertEach<double>(tensor.bytes, out, [](double x) { return static_cast<float>(x); });
      return;
    default:
      BANTAM_CHECK(false, "CopyToF32 of {}", DTypeName(tensor.dtype));
  }
}

}  // namespace bantam
