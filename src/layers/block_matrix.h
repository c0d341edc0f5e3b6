// A weight matrix in a block format of GGUF, packed for the kernels: a view. Several may make one Linear, and a table
// of embeddings may be the matrix of the output head too.
#pragma once

#include <span>

#include "kernels/block_panels.h"

namespace bantam {

struct BlockMatrix {
  BlockFormat format = kBlockQ8_0;
  int in_features = 0;
  int out_features = 0;
  const uint8_t* packed = nullptr;  // [size_bytes], 64-byte aligned

  int num_panels() const { return BlockPanels(out_features); }
  size_t size_bytes() const { return PackedBlocksBytes(format, out_features, in_features); }
  // Row n in f32, as the file's own values. out: [in_features]
  void ReadRow(int n, std::span<float> out) const { ReadBlockRow(format, packed, in_features, n, out.data()); }
};

}  // namespace bantam
