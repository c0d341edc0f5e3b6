// What the numbers are: element types, shapes, and views of named tensors in somebody else's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bantam {

// Element types of model files: plain numbers, and the block formats of GGUF (ggml_blocks.h), whose elements have no
// address of their own.
enum class DType {
  kF32,
  kF16,
  kBF16,
  kF64,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kU16,
  kU32,
  kU64,
  kBool,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
};

std::string_view DTypeName(DType dtype);  // "F32", as in safetensors; "Q4_K", as in GGUF
// A plain number type by its name in safetensors; block formats are not among them.
std::optional<DType> DTypeFromName(std::string_view name);
size_t DTypeBytes(DType dtype);  // of a plain number

// So many elements lie in so many bytes, and a row is a whole number of blocks: {1, 4} for F32, {32, 34} for Q8_0.
struct BlockLayout {
  size_t elements = 1;
  size_t bytes = 0;
};
BlockLayout BlockOf(DType dtype);
// The bytes of a row of so many elements, which the block divides.
size_t RowBytes(DType dtype, size_t elements);
// Whether CopyToF32 can read it: floats and block formats.
bool IsReal(DType dtype);

using Shape = std::vector<int64_t>;
std::string ShapeString(const Shape& shape);  // "[2048, 512]"
int64_t NumElements(const Shape& shape);      // the shape was validated: cannot overflow

// Bytes are owned by the file or buffer it came from. Row-major, little-endian.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
};

// Any type with IsReal -> f32: exact for floats of up to 32 bits; block formats bit for bit as the Python package
// `gguf` has them. out: [NumElements].
void CopyToF32(const TensorView& tensor, std::span<float> out);

}  // namespace bantam
