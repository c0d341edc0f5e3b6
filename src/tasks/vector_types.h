// Smaller forms of float vectors, with the numbers of sentence-transformers' quantize_embeddings: a byte for each
// value, or a bit for each.
//
//   BANTAM_TRY(const VectorType type, VectorTypeNamed("ubinary"));
//   AppendVector(vector, type, ranges, bytes);
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_io.h"

namespace bantam {

enum class VectorType { kFloat32, kInt8, kUint8, kBinary, kUbinary };

std::string_view VectorTypeName(VectorType type);  // "float32", "int8", ...
// Also "float" and "f32". kInvalidArgument lists the known ones.
Result<VectorType> VectorTypeNamed(std::string_view name);
// Whether values are mapped by ranges, which then must be the same for all vectors that are compared.
inline bool NeedsRanges(VectorType type) { return type == VectorType::kInt8 || type == VectorType::kUint8; }
size_t BytesOf(VectorType type, size_t dimensions);  // of one vector; a last incomplete byte of bits counts

// The smallest and the largest value of each dimension: 256 equal steps lie between them, and what is outside is set to
// the nearer end.
struct ValueRanges {
  std::vector<float> minimum, maximum;  // [dimensions]
  size_t dimensions() const { return minimum.size(); }
};
// Of a row-major matrix [rows, dimensions] with at least one row.
ValueRanges RangesOf(std::span<const float> values, size_t dimensions);
// For vectors of length 1 whose own ranges are not known: +-4 / sqrt(dimensions), four standard deviations of a
// coordinate of a random direction.
ValueRanges UnitVectorRanges(size_t dimensions);
// A NumPy file of float32 [2, dimensions]: minima, then maxima; what quantize_embeddings takes as `ranges`.
Result<ValueRanges> ReadRanges(const Path& path, size_t dimensions);

// Appends BytesOf(type, vector.size()) bytes: values as they lie in memory, bits from the highest of a byte down as
// numpy.packbits (1 where the value is above 0), each byte less 128 in "binary". ranges: of NeedsRanges types.
void AppendVector(std::span<const float> vector, VectorType type, const ValueRanges* ranges, std::string& out);

// Cuts to the first `dimensions` values and gives what is left length 1 (Matryoshka). All values: nothing happens.
void CutVector(std::vector<float>& vector, size_t dimensions);
void NormalizeVector(std::span<float> vector);  // to length 1

}  // namespace bantam
