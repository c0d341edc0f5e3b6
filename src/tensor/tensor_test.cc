#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace bantam {
namespace {

TEST(Tensor, NamesRoundTrip) {
  for (const char* name : {"F32", "F16", "BF16", "F64", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64", "BOOL"}) {
    const auto dtype = DTypeFromName(name);
    ASSERT_TRUE(dtype.has_value()) << name;
    EXPECT_EQ(DTypeName(*dtype), name);
  }
  EXPECT_FALSE(DTypeFromName("F8_E9").has_value());
  EXPECT_FALSE(DTypeFromName("f32").has_value());
  EXPECT_EQ(ShapeString({2048, 512}), "[2048, 512]");
  EXPECT_EQ(ShapeString({}), "[]");
}

// values[i] is what the 16-bit pattern bits[i] means; the view starts one byte off, as in a file.
void ExpectDecodes(DType dtype, const std::vector<uint16_t>& bits, const std::vector<float>& values) {
  std::vector<std::byte> bytes(1 + bits.size() * 2);
  std::memcpy(bytes.data() + 1, bits.data(), bits.size() * 2);
  std::vector<float> out(bits.size());
  CopyToF32({dtype, {static_cast<int64_t>(bits.size())}, std::span(bytes).subspan(1)}, out);
  for (size_t i = 0; i < bits.size(); ++i) {
    if (std::isnan(values[i])) {
      EXPECT_TRUE(std::isnan(out[i])) << i;
    } else {
      EXPECT_EQ(out[i], values[i]) << i;
      EXPECT_EQ(std::signbit(out[i]), std::signbit(values[i])) << i;
    }
  }
}

TEST(Tensor, DecodesHalfFloats) {
  constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
  ExpectDecodes(
      DType::kF16, {0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001, 0x83FF, 0x0000, 0x8000, 0x7C00, 0xFC00, 0x7E00, 0x3555},
      {1.0f, -2.0f, 65504.0f, 0x1p-14f, 0x1p-24f, -0x3FFp-24f, 0.0f, -0.0f, kInf, -kInf, kNan, 0.333251953125f});
  ExpectDecodes(DType::kBF16, {0x3F80, 0xC000, 0x0001, 0x8000, 0x7F80, 0x7FC0, 0x3EAB},
                {1.0f, -2.0f, 0x1p-133f, -0.0f, kInf, kNan, 0.333984375f});
}

}  // namespace
}  // namespace bantam
