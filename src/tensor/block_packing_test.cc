// Packed and read back, a matrix of any blocks is bit for bit what the format's dequantiser makes of it.
#include "tensor/block_packing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "tensor/ggml_blocks.h"

namespace bantam {
namespace {

constexpr DType kBlockTypes[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0,   DType::kQ5_1,
                                 DType::kQ8_0, DType::kQ2_K, DType::kQ3_K,   DType::kQ4_K,
                                 DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS};

// Any bytes are a block, infinities and NaN among its 16-bit floats included.
TEST(BlockPacking, ValuesAreThoseOfTheFile) {
  std::mt19937 random(1);
  for (const DType dtype : kBlockTypes) {
    SCOPED_TRACE(DTypeName(dtype));
    const BlockFormat format = *BlockFormatOf(dtype);
    ASSERT_EQ(DTypeOf(format), dtype);
    for (const auto& [out, blocks] : {std::pair{1, 1}, {32, 2}, {33, 3}, {95, 1}}) {
      const int in = blocks * static_cast<int>(BlockOf(dtype).elements);
      const size_t row_bytes = RowBytes(dtype, static_cast<size_t>(in));
      // One byte off, as a tensor may lie in a file.
      std::vector<std::byte> bytes(1 + static_cast<size_t>(out) * row_bytes);
      for (std::byte& b : bytes) b = static_cast<std::byte>(random());
      const std::span rows = std::span<const std::byte>(bytes).subspan(1);
      // Filled before: packing must not count on zeros.
      std::vector<uint8_t> packed(PackedBlocksBytes(format, out, in), 0xaa);
      const TensorView weight{dtype, {out, in}, rows};
      for (int p = 0; p < BlockPanels(out); ++p) PackBlocks(weight, packed, p, p + 1);
      std::vector<float> expected(static_cast<size_t>(in)), got(static_cast<size_t>(in));
      for (int n = 0; n < out; ++n) {
        DequantizeBlocks(dtype, rows.subspan(static_cast<size_t>(n) * row_bytes, row_bytes), expected);
        ReadBlockRow(format, packed.data(), in, n, got.data());
        for (size_t k = 0; k < expected.size(); ++k) {
          if (std::isnan(expected[k])) {
            ASSERT_TRUE(std::isnan(got[k])) << n << "," << k;
          } else {
            ASSERT_EQ(std::bit_cast<uint32_t>(got[k]), std::bit_cast<uint32_t>(expected[k]))
                << n << "," << k << ": " << got[k] << " for " << expected[k];
          }
        }
      }
    }
  }
}

// Heads whose halves are and are not whole fours of columns.
TEST(BlockPacking, RowsInTheOrderOfAnotherFile) {
  std::mt19937 random(2);
  for (const int dim : {2, 6, 8, 32, 64}) {
    const int out = 3 * dim, in = 64;
    std::vector<std::byte> bytes(static_cast<size_t>(out) * RowBytes(DType::kQ4_0, in));
    for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 0x3F);  // no infinities
    const TensorView weight{DType::kQ4_0, {out, in}, bytes};
    std::vector<uint8_t> as_they_are(PackedBlocksBytes(kBlockQ4_0, out, in)), ordered(as_they_are.size());
    PackBlocks(weight, as_they_are, 0, BlockPanels(out));
    PackBlocks(weight, ordered, 0, BlockPanels(out), {.paired_head_dim = dim});
    std::vector<float> expected(in), got(in);
    std::vector<bool> taken(static_cast<size_t>(out));
    for (int head = 0; head < 3; ++head) {
      for (int i = 0; i < dim; ++i) {
        // Element i of the first half lies at 2 i, of the second behind it.
        const int row = head * dim + (i < dim / 2 ? 2 * i : 2 * (i - dim / 2) + 1);
        taken[static_cast<size_t>(row)] = true;
        ReadBlockRow(kBlockQ4_0, as_they_are.data(), in, row, expected.data());
        ReadBlockRow(kBlockQ4_0, ordered.data(), in, head * dim + i, got.data());
        ASSERT_EQ(got, expected) << dim << ": " << head << "," << i;
      }
    }
    EXPECT_EQ(std::count(taken.begin(), taken.end(), true), out);
  }
}

TEST(BlockPacking, ColumnsPastTheLastRowAreZero) {
  std::vector<std::byte> bytes(RowBytes(DType::kQ4_0, 32), std::byte{0x3c});
  std::vector<uint8_t> packed(PackedBlocksBytes(kBlockQ4_0, 1, 32), 0xaa);
  PackBlocks({DType::kQ4_0, {1, 32}, bytes}, packed, 0, 1);
  std::vector<float> row(32);
  for (int n = 1; n < kBlockColumns; ++n) {
    ReadBlockRow(kBlockQ4_0, packed.data(), 32, n, row.data());
    for (const float x : row) ASSERT_EQ(x, 0.0f);
  }
}

TEST(BlockPacking, KeepsTheSizeOfTheFile) {
  for (const DType dtype : kBlockTypes) {
    const auto file = static_cast<double>(64 * RowBytes(dtype, 512));
    const auto packed = static_cast<double>(PackedBlocksBytes(*BlockFormatOf(dtype), 64, 512));
    EXPECT_GE(packed, file) << DTypeName(dtype);
    EXPECT_LE(packed, 1.04 * file) << DTypeName(dtype);
  }
}

TEST(BlockPacking, FloatsAreNoBlocks) {
  EXPECT_FALSE(BlockFormatOf(DType::kF16).has_value());
  EXPECT_FALSE(BlockFormatOf(DType::kI8).has_value());
}

}  // namespace
}  // namespace bantam
