// The block formats of GGUF, as products read them. C only: kernel_table.h includes it. block_panels.h has the facts of
// each.
#pragma once

namespace bantam {

enum BlockFormat {
  kBlockQ8_0,
  kBlockQ4_0,
  kBlockQ4_1,
  kBlockQ5_0,
  kBlockQ5_1,
  kBlockQ2_K,
  kBlockQ3_K,
  kBlockQ4_K,
  kBlockQ5_K,
  kBlockQ6_K,
  kBlockIQ4_NL,
  kBlockIQ4_XS
};

// A panel has so many output columns; a group is so many elements of K, and eight groups are a superblock.
const int kBlockColumns = 32, kBlockGroup = 32, kGroupsOfSuperblock = 8;

}  // namespace bantam
