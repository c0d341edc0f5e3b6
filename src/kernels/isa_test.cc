#include "kernels/isa.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

TEST(Isa, EveryLevelHasANameThatParses) {
  for (const IsaInfo& info : ListIsas()) {
    auto parsed = ParseIsa(IsaName(info.isa));
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(*parsed, info.isa);
  }
}

TEST(Isa, UnknownNameListsTheKnownOnes) {
  auto parsed = ParseIsa("sse9\x1b");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(parsed.error().message.find(
                "unknown ISA level \"sse9\\x1B\"; known: scalar, avx2, avx2vnni, avx512, avx512vnni, avx512bf16, neon, "
                "neondot, neoni8mm; usable here: scalar"),
            0u)
      << parsed.error().message;
}

TEST(Isa, ALevelWorksExactlyWhereItIsCompiledAndSupported) {
  for (const IsaInfo& info : ListIsas()) {
    auto kernels = KernelsFor(info.isa);
    EXPECT_EQ(kernels.has_value(), info.compiled && info.supported) << IsaName(info.isa);
    if (!kernels) {
      EXPECT_EQ(kernels.error().code, ErrorCode::kUnsupported);
    }
  }
}

TEST(Isa, SelectionFollowsTheEnvironment) {
  auto selected = SelectKernels();
  const char* forced = std::getenv("BANTAM_ISA");
  if (forced == nullptr || *forced == '\0') {
    ASSERT_TRUE(selected.has_value()) << selected.error().message;
    for (const IsaInfo& info : ListIsas()) {
      if (info.compiled && info.supported) {
        EXPECT_LE(info.isa, (*selected)->isa);
      }
    }
    return;
  }
  // Never another level than the one asked for.
  const auto isa = ParseIsa(forced);
  ASSERT_EQ(selected.has_value(), isa.has_value() && KernelsFor(*isa).has_value());
  if (selected.has_value()) {
    EXPECT_EQ((*selected)->isa, *isa);
  } else {
    EXPECT_NE(selected.error().message.find("BANTAM_ISA"), std::string::npos);
  }
}

}  // namespace
}  // namespace bantam
