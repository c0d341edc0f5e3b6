#include "tensor/tensor.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/half.h"
#include "tensor/ggml_blocks.h"

namespace bantam {
namespace {

static_assert(std::endian::native == std::endian::little, "model files are read in place: little-endian only");

struct DTypeRow {
  DType dtype;
  std::string_view name;
  BlockLayout block;
};
constexpr std::array kDTypes = {DTypeRow{DType::kF32, "F32", {1, 4}},
                                DTypeRow{DType::kF16, "F16", {1, 2}},
                                DTypeRow{DType::kBF16, "BF16", {1, 2}},
                                DTypeRow{DType::kF64, "F64", {1, 8}},
                                DTypeRow{DType::kI8, "I8", {1, 1}},
                                DTypeRow{DType::kI16, "I16", {1, 2}},
                                DTypeRow{DType::kI32, "I32", {1, 4}},
                                DTypeRow{DType::kI64, "I64", {1, 8}},
                                DTypeRow{DType::kU8, "U8", {1, 1}},
                                DTypeRow{DType::kU16, "U16", {1, 2}},
                                DTypeRow{DType::kU32, "U32", {1, 4}},
                                DTypeRow{DType::kU64, "U64", {1, 8}},
                                DTypeRow{DType::kBool, "BOOL", {1, 1}},
                                DTypeRow{DType::kQ4_0, "Q4_0", {32, 18}},
                                DTypeRow{DType::kQ4_1, "Q4_1", {32, 20}},
                                DTypeRow{DType::kQ5_0, "Q5_0", {32, 22}},
                                DTypeRow{DType::kQ5_1, "Q5_1", {32, 24}},
                                DTypeRow{DType::kQ8_0, "Q8_0", {32, 34}},
                                DTypeRow{DType::kQ2_K, "Q2_K", {256, 84}},
                                DTypeRow{DType::kQ3_K, "Q3_K", {256, 110}},
                                DTypeRow{DType::kQ4_K, "Q4_K", {256, 144}},
                                DTypeRow{DType::kQ5_K, "Q5_K", {256, 176}},
                                DTypeRow{DType::kQ6_K, "Q6_K", {256, 210}},
                                DTypeRow{DType::kIQ4_NL, "IQ4_NL", {32, 18}},
                                DTypeRow{DType::kIQ4_XS, "IQ4_XS", {256, 136}}};

const DTypeRow& Row(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return row;
  }
  BANTAM_CHECK(false, "dtype {} is not in the table", static_cast<int>(dtype));
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
    if (row.name == name && row.block.elements == 1) return row.dtype;
  }
  return std::nullopt;
}

size_t DTypeBytes(DType dtype) {
  const DTypeRow& row = Row(dtype);
  BANTAM_CHECK(row.block.elements == 1, "{} has no bytes of one element", row.name);
  return row.block.bytes;
}

BlockLayout BlockOf(DType dtype) { return Row(dtype).block; }

size_t RowBytes(DType dtype, size_t elements) {
  const BlockLayout block = BlockOf(dtype);
  BANTAM_CHECK(elements % block.elements == 0, "a row of {} elements of {}", elements, DTypeName(dtype));
  return elements / block.elements * block.bytes;
}

bool IsReal(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kF64 ||
         BlockOf(dtype).elements > 1;
}

std::string ShapeString(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

int64_t NumElements(const Shape& shape) {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

void CopyToF32(const TensorView& tensor, std::span<float> out) {
  BANTAM_CHECK(out.size() == static_cast<size_t>(NumElements(tensor.shape)) &&
                   tensor.bytes.size() == RowBytes(tensor.dtype, out.size()),
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
      BANTAM_CHECK(IsReal(tensor.dtype), "CopyToF32 of {}", DTypeName(tensor.dtype));
      DequantizeBlocks(tensor.dtype, tensor.bytes, out);
  }
}

}  // namespace bantam
