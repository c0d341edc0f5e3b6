// From the row-major matrices of model files to the layouts that the kernels read (kernel_table.h), done once at load.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bantam {

// Columns rounded up to whole panels.
int PaddedColumns(int out_features);
size_t PackedF32Size(int out_features, int in_features);   // in floats
size_t PackedInt8Size(int out_features, int in_features);  // in bytes
int PaddedInt8Features(int in_features);                   // k rounded up to 4

// weight: [out_features, in_features] row-major, as PyTorch stores a Linear. packed: [PackedF32Size].
void PackF32(std::span<const float> weight, int out_features, int in_features, std::span<float> packed);

// Symmetric per output channel: w[n, k] ~ scale[n] * q with q in [-127, 127].
// packed: [PackedInt8Size]; scale, sum: [PaddedColumns(out_features)], sum[n] = sum of q over k.
void PackInt8(std::span<const float> weight, int out_features, int in_features, std::span<int8_t> packed,
              std::span<float> scale, std::span<float> sum);

// Row n of integers [in_features] of one output into its place in packed, zeroed before; returns the integers' sum.
int PlaceInt8Row(std::span<const int8_t> row, int n, std::span<int8_t> packed);

// int4: rows of groups of 32 weights, each group with a bfloat16 scale. K is rounded up to whole groups.
int Int4Groups(int in_features);
size_t PackedInt4Size(int out_features, int in_features);  // in bytes
size_t PackedInt4ScaleCount(int out_features, int in_features);
size_t Int4RowBytes(int in_features);  // of one row of nibbles, whole groups

// The integers, -8 to 7, and the scales of one row: for each group those of least squared error, each error weighted by
// `importance` [in_features] (or alike, if empty). out: [in_features], scales: [Int4Groups(in_features)].
void QuantizeRowInt4(std::span<const float> row, std::span<const float> importance, std::span<int8_t> out,
                     std::span<uint16_t> scales);
// Two to a byte, the even one in the lower half. packed: [at least (weights.size() + 1) / 2]
void PackNibbles(std::span<const int8_t> weights, std::span<uint8_t> packed);
void UnpackNibbles(std::span<const uint8_t> packed, std::span<int8_t> weights);
// As PlaceInt8Row; returns the sum of scale * weight.
float PlaceInt4Row(std::span<const int8_t> row, std::span<const uint16_t> scales, int n, std::span<uint8_t> packed,
                   std::span<uint16_t> group_scale);

// One row of an embedding table: returns the scale; out[i] = round(row[i] / scale).
float QuantizeRowInt8(std::span<const float> row, std::span<int8_t> out);

}  // namespace bantam
