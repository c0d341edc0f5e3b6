// Against the blocks and values of golden/make_block_golden.py, bit for bit.
#include "tensor/ggml_blocks.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <set>

#include "base/file_io.h"

namespace bantam {
namespace {

constexpr DType kBlockTypes[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0,   DType::kQ5_1,
                                 DType::kQ8_0, DType::kQ2_K, DType::kQ3_K,   DType::kQ4_K,
                                 DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS};

TEST(GgmlBlocks, ValuesOfTheReference) {
  const auto file = ReadFile("src/tensor/golden/blocks.bin");
  ASSERT_TRUE(file.has_value()) << file.error().message;
  std::set<std::string> seen;
  for (std::string_view rest = *file; !rest.empty();) {
    const std::string name(rest.data());
    SCOPED_TRACE(name);
    uint32_t sizes[3];  // blocks, bytes of a block, its elements
    std::memcpy(sizes, rest.data() + 8, sizeof sizes);
    rest.remove_prefix(8 + sizeof sizes);
    DType dtype = DType::kF32;
    for (const DType candidate : kBlockTypes) {
      if (DTypeName(candidate) == name) dtype = candidate;
    }
    ASSERT_NE(dtype, DType::kF32);
    ASSERT_EQ(BlockOf(dtype).bytes, sizes[1]);
    ASSERT_EQ(BlockOf(dtype).elements, sizes[2]);
    const size_t count = size_t{sizes[0]} * sizes[2], size_bytes = size_t{sizes[0]} * sizes[1];
    // One byte off, as a tensor may lie in a file.
    std::vector<std::byte> bytes(1 + size_bytes);
    std::memcpy(bytes.data() + 1, rest.data(), size_bytes);
    std::vector<float> expected(count), got(count);
    std::memcpy(expected.data(), rest.data() + size_bytes, count * sizeof(float));
    rest.remove_prefix(size_bytes + count * sizeof(float));
    CopyToF32({dtype, {static_cast<int64_t>(count)}, std::span(bytes).subspan(1)}, got);
    for (size_t i = 0; i < count; ++i) {
      if (std::isnan(expected[i])) {
        ASSERT_TRUE(std::isnan(got[i])) << "element " << i;
      } else {
        ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(expected[i]))
            << "element " << i << ": " << got[i] << " for " << expected[i];
      }
    }
    seen.insert(name);
  }
  EXPECT_EQ(seen.size(), std::size(kBlockTypes));
}

TEST(GgmlBlocks, AreNoTypesOfSafetensors) {
  for (const DType dtype : kBlockTypes) {
    EXPECT_TRUE(IsReal(dtype));
    EXPECT_FALSE(DTypeFromName(DTypeName(dtype)).has_value());
  }
  EXPECT_FALSE(IsReal(DType::kI8));
  EXPECT_TRUE(IsReal(DType::kBF16));
  EXPECT_EQ(RowBytes(DType::kQ8_0, 64), 68u);
  EXPECT_EQ(RowBytes(DType::kF16, 3), 6u);
}

}  // namespace
}  // namespace bantam
