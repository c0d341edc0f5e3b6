#include "tasks/token_bytes.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace bantam {
namespace {

// The bytes of all tokens, one after the other, are those of the text, wherever a token ends inside a character.
TEST(TokenBytes, AddUpToTheText) {
  for (const char* file : {"src/text/golden/parts/sp_bpe.model", "src/text/golden/parts/sp_unigram.model",
                           "src/text/golden/parts/cl100k_base.tiktoken", "src/text/golden/parts/llama.tokenizer.json",
                           "src/text/golden/parts/gpt2.tokenizer.json", "src/text/golden/parts/qwen2.tokenizer.json"}) {
    ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(file));
    const TokenBytes bytes(*tokenizer);
    for (const std::string text : {"Plain words, one after the other.", "naïve façade", "日本語 и русский",
                                   "emoji 👩‍👩‍👧 𝔘", "a  b\n\n\tc"}) {
      const std::vector<int32_t> ids = tokenizer->Encode(text, {.add_special_tokens = false}).ids;
      std::string joined;
      for (const int32_t id : ids) joined += bytes.Of(id);
      // SentencePiece drops the space before the first word when it decodes, and its normaliser may rewrite the text,
      // so that decoding says what is right.
      const std::string whole = tokenizer->Decode(ids, {});
      if (joined.size() == whole.size() + 1 && joined.starts_with(' ')) joined.erase(0, 1);
      EXPECT_EQ(joined, whole) << file << ": " << text;
    }
    EXPECT_EQ(bytes.Of(-1), "");
    EXPECT_EQ(bytes.Of(tokenizer->vocab_size() + 5), "");
  }
}

}  // namespace
}  // namespace bantam
