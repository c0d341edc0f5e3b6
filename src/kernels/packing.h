// From the row-major matrices of model files to the layouts that the kernels read (kernel_table.h), done once at load.
#pragma once

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

// One row of an embedding table: returns the scale; out[i] = round(row[i] / scale).
float QuantizeRowInt8(std::span<const float> row, std::span<int8_t> out);

}  // namespace bantam
