// A folder's tokenizer, written into a GGUF file and read from there, gives the same ids.
#include "text/gguf_vocab_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/testing.h"
#include "text/gguf_tokenizer.h"

namespace bantam::text {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kTexts = {"",
                                         " ",
                                         "Once upon a time there were 1234567 mice.",
                                         "  two  spaces,\ttabs\n\nand lines\r\n ",
                                         "I'll say they've won't; DON'T!",
                                         "Stra\u00dfe, na\u00efve caf\u00e9, \u6771\u4eac\u90fd, "
                                         "\u0645\u0631\u062d\u0628\u0627, \U0001F600\U0001F468\u200d\U0001F469",
                                         "for (int i = 0; i < n; ++i) { sum += x[i]; }  // 3.14",
                                         "<|endoftext|> and <s> in a user's text"};

Result<std::unique_ptr<Tokenizer>> ThereAndBack(const Path& folder, int64_t vocab_size, const Path& path) {
  GgufWriter gguf;
  BANTAM_RETURN_IF_ERROR(PutGgufVocab(folder, vocab_size, gguf));
  BANTAM_RETURN_IF_ERROR(gguf.Write(path, [](size_t, std::span<std::byte>) { return Ok(); }));
  return LoadGgufTokenizer(path);
}

void ExpectSameIds(const Path& folder, int64_t vocab_size) {
  const testing::TempFolder temp;
  ASSERT_OK_AND_ASSIGN(const auto original, Tokenizer::Load(folder / "tokenizer.json"));
  ASSERT_OK_AND_ASSIGN(const auto copy, ThereAndBack(folder, vocab_size, temp / "t.gguf"));
  std::vector<std::string> texts = kTexts;
  BANTAM_REQUIRE_DATA(book, "tok-sentencepiece/botchan.txt");
  std::ifstream lines(book);
  for (std::string line; texts.size() < 600 && std::getline(lines, line);) texts.push_back(line);
  for (const std::string& text : texts) {
    for (const bool trusted : {false, true}) {
      const EncodeOptions options{.recognize_special_tokens = trusted};
      ASSERT_EQ(copy->Encode(text, options).ids, original->Encode(text, options).ids) << text;
    }
    const auto ids = original->Encode(text, {}).ids;
    ASSERT_EQ(copy->Decode(ids, {}), original->Decode(ids, {})) << text;
  }
}

TEST(GgufVocabWriter, BytesInPhi2) {
  BANTAM_REQUIRE_DATA(folder, "tok-hf-json/phi-2");
  ExpectSameIds(folder, 51200);
}

TEST(GgufVocabWriter, ATokenForEachByteInPhi3) {
  BANTAM_REQUIRE_DATA(folder, "tok-hf-json/phi-3-mini");
  ExpectSameIds(folder, 32064);
}

TEST(GgufVocabWriter, WhatSuchAFileCannotSayIsRefusedByName) {
  const testing::TempFolder temp;
  for (const auto& [name, why] :
       {std::pair{"t5-small", "/model/type"}, std::pair{"clip", "a GGUF file cannot say that"}}) {
    SCOPED_TRACE(name);
    BANTAM_REQUIRE_DATA(folder, Path("tok-hf-json") / name);
    const auto written = ThereAndBack(folder, 10, temp / "t.gguf");
    ASSERT_FALSE(written);
    EXPECT_THAT(written.error().message, HasSubstr(why));
  }
  const auto nothing = ThereAndBack(temp.path(), 10, temp / "t.gguf");
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().message, HasSubstr("tokenizer.json"));
}

}  // namespace
}  // namespace bantam::text
