// How a matrix in a block format is packed for gemm_blocks: the bits of the file in another order, so that a panel is
// one stream of what vector registers take as it is.
//
//   panel of 32 output columns: for each group of 32 k   [scales][levels]
//   formats with superblocks:   before each eight groups [header]
//
//   header  half d of each column, then, with minima, half dmin
//   scales  half d; or half d and half minimum; or a signed byte to multiply by d; or bytes for d and for dmin. Formats
//           with a scale for each 16 k have those of k < 16 first. Q2_K keeps its byte: scale below, minimum above
//   levels  planes of 1, 2 and 4 bits, in this order, of whatever makes the format's bits, the first the highest; or of
//   bytes.
//           So the lines of a panel are first touched in ascending order, which the hardware's prefetching needs: with
//           the planes of 4 bits first, one row of Q6_K drew 20 GB/s from memory in place of 30
//
// A plane is rows of 32 columns of 4 bytes. Say step s of a group is its k = 4 s to 4 s + 3, one for each byte i of
// those four. Byte i of a column holds
//   8 bits: in row s, step s                          4 bits: in row s % 4, step s in half s / 4
//   2 bits: in row s / 4, step s at bit 2 (s % 4)     1 bit:  step s at bit s
// A level is an unsigned integer. Its weight is scale * (level - zero), or scale * level + minimum.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/block_format.h"

namespace bantam {

enum class BlockScales {
  kHalf,
  kHalfAndMinimum,
  kSignedByte,      // times d of the superblock
  kByteAndMinimum,  // times d and -dmin
  kNibbles,         // the same in one byte
};

struct PanelLayout {
  BlockScales scales;
  int bits;            // of a level
  int zero;            // 0 for a format with minima
  int per_scale;       // 32 or 16 elements
  bool table = false;  // the four bits index kNonLinearLevels

  bool has_superblocks() const { return scales >= BlockScales::kSignedByte; }
  bool has_minima() const { return scales != BlockScales::kHalf && scales != BlockScales::kSignedByte; }
  size_t header_bytes() const;  // of one column
  size_t scale_bytes() const;   // of one column in one group
  size_t group_bytes() const;   // of a panel
};
PanelLayout PanelLayoutOf(BlockFormat format);

// IQ4_NL and IQ4_XS: these less 128, their zero.
extern const uint8_t kNonLinearLevels[16];

// in_features: whole groups, whole superblocks where the format has them.
int BlockPanels(int out_features);
size_t BlockPanelBytes(BlockFormat format, int in_features);
size_t PackedBlocksBytes(BlockFormat format, int out_features, int in_features);
// Where group `group` begins in its panel, after the header if it has one; and where the header of its superblock does.
size_t BlockGroupOffset(BlockFormat format, int group);
size_t BlockHeaderOffset(BlockFormat format, int group);

// One column of one group. Element k of the group is scale[h] * (level[k] - zero) + minimum[h] with h = k / 16, in f32
// bit for bit what the format's dequantiser gives (the minimum is not added where has_minima is false).
struct BlockColumn {
  uint8_t level[kBlockGroup];
  float scale[2], minimum[2];
};
void ReadBlockColumn(BlockFormat format, const uint8_t* panel, int column, int group, BlockColumn* out);

// Row n of the matrix, dequantised. out: [in_features]
void ReadBlockRow(BlockFormat format, const uint8_t* packed, int in_features, int n, float* out);

// Bytes of one row of activations as quantize_blocks writes it (kernel_table.h); a multiple of 64.
size_t BlockRowBytes(int in_features);

}  // namespace bantam
