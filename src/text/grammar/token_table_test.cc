// The bytes of real vocabularies' tokens.
#include "text/grammar/token_table.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace bantam::grammar {
namespace {

constexpr std::string_view kText = "{\"naïve\": [1, 2.5e3], \"日本\":\t\"🔵 a  b\\n\"}\n";

class TokenTables : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenTables, BytesOfTokensAreTheText) {
  BANTAM_REQUIRE_DATA(path, GetParam());
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(path));
  ASSERT_OK_AND_ASSIGN(const auto table, TokenTable::From(*tokenizer));
  std::string together;
  for (const int32_t id : tokenizer->Encode(kText, {.add_special_tokens = false}).ids) together += table->BytesOf(id);
  // SentencePiece puts a space before a text.
  EXPECT_EQ(together.starts_with(' ') ? together.substr(1) : together, kText);
  std::string cut;
  for (const int32_t id : table->Cut(kText)) cut += table->BytesOf(id);
  EXPECT_EQ(cut, kText);
  for (const std::string_view control : {"<|endoftext|>", "<s>"}) {
    const int32_t id = tokenizer->TokenId(control);
    EXPECT_EQ(table->BytesOf(id), "") << control;
  }
}

INSTANTIATE_TEST_SUITE_P(Real, TokenTables,
                         ::testing::Values("tok-hf-json/phi-2", "tok-hf-json/phi-3-mini", "tok-hf-json/falcon",
                                           "tok-tiktoken/o200k_base.tiktoken", "tok-tiktoken/cl100k_base.tiktoken"));

TEST(TokenTable, WordsAreNoPieces) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load("src/text/golden/cased.tokenizer.json"));
  const auto table = TokenTable::From(*tokenizer);
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace bantam::grammar
