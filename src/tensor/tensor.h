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

// Element types of model files. Quantised block formats join here when a reader for them lands.
enum class DType { kF32, kF16, kBF16, kF64, kI8, kI16, kI32, kI64, kU8, kU16, kU32, kU64, kBool };

std::string_view DTypeName(DType dtype);  // "F32", as in safetensors
std::optional<DType> DTypeFromName(std::string_view name);
size_t DTypeBytes(DType dtype);

using Shape = std::vector<int64_t>;
std::string ShapeString(const Shape& shape);  // "[2048, 512]"
int64_t NumElements(const Shape& shape);      // the shape was validated: cannot overflow

// Bytes are owned by the file or buffer it came from. Row-major, little-endian.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
};

// Any float type -> f32. The view's dtype must be F32, F16, BF16 or F64. out: [NumElements].
void CopyToF32(const TensorView& tensor, std::span<float> out);

}  // namespace bantam
