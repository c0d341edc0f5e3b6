#include "base/text_util.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

TEST(Utf8, AcceptsEveryScalarValue) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(c, text);
    ASSERT_FALSE(FirstInvalidUtf8(text).has_value()) << static_cast<unsigned>(c);
  }
}

TEST(Utf8, FindsTheFirstBadByte) {
  EXPECT_EQ(FirstInvalidUtf8("ab\xC0\xAF"), 2u);        // overlong
  EXPECT_EQ(FirstInvalidUtf8("\xED\xA0\x80"), 0u);      // surrogate
  EXPECT_EQ(FirstInvalidUtf8("\xF4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(FirstInvalidUtf8("x\xE2\x82"), 1u);         // cut
  EXPECT_EQ(FirstInvalidUtf8("\xFF"), 0u);
  EXPECT_FALSE(FirstInvalidUtf8("").has_value());
}

TEST(Utf8, ReplacesMaximalSubparts) {
  // The example of the Unicode standard, table 3-8.
  EXPECT_EQ(ReplaceInvalidUtf8("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
}

TEST(Escape, NeverEmitsControls) {
  EXPECT_EQ(EscapeForTerminal("a\x1B[31m\n\tb\x7F"), "a\\x1B[31m\\n\\tb\\x7F");
  EXPECT_EQ(EscapeForTerminal("\xFFz"), "\\xFFz");
  EXPECT_EQ(EscapeForTerminal("\u2028\u202E"), "\\u{2028}\\u{202E}");
  EXPECT_EQ(EscapeForTerminal("ééé", 4), "éé…");
}

TEST(Human, Units) {
  EXPECT_EQ(HumanBytes(812), "812 B");
  EXPECT_EQ(HumanBytes(90868376), "86.7 MiB");
  EXPECT_EQ(HumanCount(22713216), "22.7M");
}

}  // namespace
}  // namespace bantam
