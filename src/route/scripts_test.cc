#include "route/scripts.h"

#include "base/testing.h"

namespace bantam {
namespace {

std::vector<LabelledText> Examples(std::initializer_list<const char*> texts) {
  std::vector<LabelledText> examples;
  for (const char* text : texts) examples.push_back({text, "a"});
  return examples;
}

TEST(KnownScripts, LettersThatNothingHereKnowsAreForeign) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(folder / "tokenizer.json"));
  const KnownScripts english(Examples({"where is my refund", "my money never arrived", "café"}));
  struct Case {
    const char* text;
    const char* script;
  };
  for (const Case& c : std::initializer_list<Case>{{"where is my money", ""},
                                                   {"où est mon argent, déjà", ""},
                                                   {"где мои деньги, они не пришли", "Cyrillic"},
                                                   {"πού είναι τα χρήματά μου", "Greek"},
                                                   {"أين أموالي", "Arabic"},
                                                   {"我的退款在哪里", "Han"},
                                                   {"返金はどこですか", "Kana"},
                                                   {"where is my order from Москва", ""},
                                                   {"да", ""},
                                                   {"12345 !?", ""},
                                                   {"", ""},
                                                   {"\xFF\xFE\xFF\xFE", ""}}) {
    EXPECT_EQ(english.ForeignScript(c.text, *tokenizer), c.script) << c.text;
  }
  const KnownScripts russian(Examples({"где мои деньги", "верните деньги"}));
  EXPECT_EQ(russian.ForeignScript("где мои деньги", *tokenizer), "") << "its examples are written so";
  EXPECT_EQ(russian.ForeignScript("where is my money", *tokenizer), "") << "the encoder knows English";
  const KnownScripts mixed(Examples({"where is my refund", "где мои деньги"}));
  EXPECT_EQ(mixed.ForeignScript("где мои деньги", *tokenizer), "");
}

}  // namespace
}  // namespace bantam
