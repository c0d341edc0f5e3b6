#include <gtest/gtest.h>

#include <random>

#include "base/text_util.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

TEST(NormalizeQuestion, SameQuestionInOtherClothes) {
  EXPECT_EQ(NormalizeQuestion("  Where IS\t my\n refund?!? "), "where is my refund");
  EXPECT_EQ(NormalizeQuestion("where\xC2\xA0is\xE3\x80\x80it\xE2\x80\xA6"), "where is it");
  EXPECT_EQ(NormalizeQuestion("Where’s it"), "where's it");
  EXPECT_EQ(NormalizeQuestion("ÄÖÜß ÉCOLE ŠKODA ŸŹ"), "äöüß école škoda ÿź");
  EXPECT_EQ(NormalizeQuestion("ΓΕΙΑ ΣΟΥ ПРИВЕТ ЁЖ"), "γεια σου привет ёж");
  EXPECT_EQ(NormalizeQuestion("退款在哪里？"), "退款在哪里");
}

TEST(NormalizeQuestion, WhatMatters) {
  EXPECT_EQ(NormalizeQuestion("Order AB123456, 1.50 or 1,50?"), "order ab123456, 1.50 or 1,50");
  EXPECT_NE(NormalizeQuestion("enable it"), NormalizeQuestion("disable it"));
  EXPECT_NE(NormalizeQuestion("is it 1 2"), NormalizeQuestion("is it 12"));
  EXPECT_NE(NormalizeQuestion("a - b"), NormalizeQuestion("a b"));
  EXPECT_EQ(NormalizeQuestion("C++"), "c++");
  EXPECT_EQ(NormalizeQuestion(".net or node.js"), ".net or node.js");
  EXPECT_EQ(NormalizeQuestion("İ ı × ÷"), "İ ı × ÷");  // language-dependent, and not letters
  EXPECT_EQ(NormalizeQuestion("???"), "???");
  EXPECT_EQ(NormalizeQuestion(""), "");
  EXPECT_EQ(NormalizeQuestion("   "), "");
  EXPECT_EQ(NormalizeQuestion("a\xFF"
                              "B\xC3"),
            "a\xFF"
            "b\xC3");  // not UTF-8: stays
}

TEST(NormalizeQuestion, IsIdempotentAndKeepsEveryDigit) {
  const std::vector<std::string> parts = {"A",  "b",    " ",    "\t",       "7",        "0", "?", ".",
                                          "!",  "…",    "Ä",    "é",        "Ω",        "Ж", "’", "退",
                                          "。", "\xFF", "\xC3", "\xE2\x80", "\xC2\xA0", "-", "İ", "🙂"};
  std::mt19937 random(3);
  for (int round = 0; round < 5'000; ++round) {
    std::string text;
    for (int i = static_cast<int>(random() % 20); i > 0; --i) text += parts[random() % parts.size()];
    const std::string once = NormalizeQuestion(text);
    ASSERT_EQ(NormalizeQuestion(once), once) << ::testing::PrintToString(text);
    std::string digits, digits_after;
    for (const char c : text)
      if (c >= '0' && c <= '9') digits += c;
    for (const char c : once)
      if (c >= '0' && c <= '9') digits_after += c;
    ASSERT_EQ(digits, digits_after);
    if (!FirstInvalidUtf8(text)) {
      ASSERT_FALSE(FirstInvalidUtf8(once));
    }
  }
}

TEST(CacheKey, FieldsCannotRunTogether) {
  const Sha256Digest ab_c = CacheKey().Add("ab").Add("c").Finish();
  EXPECT_NE(ab_c, CacheKey().Add("a").Add("bc").Finish());
  EXPECT_NE(ab_c, CacheKey().Add("abc").Finish());
  EXPECT_NE(CacheKey().Add("").Finish(), CacheKey().Finish());
  EXPECT_EQ(ab_c, CacheKey().Add("ab").Add("c").Finish());
}

}  // namespace
}  // namespace bantam
