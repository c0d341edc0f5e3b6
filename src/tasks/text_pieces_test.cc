#include "tasks/text_pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/testing.h"
#include "base/text_util.h"

namespace bantam {
namespace {

const std::string kTexts[] = {
    "Plain words, one after the other.",
    "zwölf Boxkämpfer — naïve façade",
    "日本語のテキストと 한국어 и русский",
    "emoji 👩‍👩‍👧‍👦 🇩🇪 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u00a0 spaces   in   rows",
    "\n\n\tcode {\n  return x;\n}\n",
    "\uFFFD\uFFFD a replacement character that is meant",
};

std::vector<std::string> Pieces(const Tokenizer& tokenizer, std::span<const int32_t> before,
                                std::span<const int32_t> ids) {
  PieceDecoder decoder(tokenizer, before);
  std::vector<std::string> pieces;
  for (const int32_t id : ids) pieces.push_back(decoder.Add(id));
  pieces.push_back(decoder.Finish());
  return pieces;
}

std::string Join(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

// Wherever the prompt ends, the pieces make the text that decoding all at once makes.
TEST(PieceDecoder, PiecesAreTheTextWhateverTheTokensBorders) {
  for (const char* file : {"src/text/golden/parts/sp_bpe.model", "src/text/golden/parts/sp_unigram.model",
                           "src/text/golden/parts/cl100k_base.tiktoken", "src/text/golden/parts/llama.tokenizer.json",
                           "src/text/golden/parts/gpt2.tokenizer.json", "src/text/golden/parts/qwen2.tokenizer.json"}) {
    ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(file));
    for (const std::string& text : kTexts) {
      const std::vector<int32_t> ids = tokenizer->Encode(text, {.add_special_tokens = false}).ids;
      const std::string whole = tokenizer->Decode(ids, {});
      for (size_t cut = 0; cut < ids.size(); ++cut) {
        const std::span<const int32_t> before = std::span(ids).first(cut), after = std::span(ids).subspan(cut);
        const auto pieces = Pieces(*tokenizer, before, after);
        for (const std::string& piece : pieces) EXPECT_FALSE(FirstInvalidUtf8(piece));
        // Half a character at the prompt's end is whole once the text goes on.
        std::string shown;
        size_t open = 0;
        for (; open < 4; ++open) {
          shown = tokenizer->Decode(before.first(cut - std::min(cut, open)), {});
          if (whole.starts_with(shown)) break;
        }
        ASSERT_LT(open, 4u) << file << " cut at " << cut;
        if (shown.ends_with("\uFFFD")) continue;  // a real one cannot be told from half a character
        EXPECT_EQ(shown + Join(pieces), whole) << file << " cut at " << cut;
      }
    }
  }
}

TEST(PieceDecoder, ControlTokensTakeNoSpaces) {
  for (const char* file : {"src/text/golden/parts/sp_bpe.model", "src/text/golden/parts/sp_unigram.model",
                           "src/text/golden/parts/llama.tokenizer.json"}) {
    ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(file));
    const int32_t control = tokenizer->TokenId("</s>");
    ASSERT_GE(control, 0) << file;
    for (const size_t run : {1, 2, 5}) {
      std::vector<int32_t> ids;
      for (const int32_t id : tokenizer->Encode(kTexts[0], {.add_special_tokens = false}).ids) {
        ids.push_back(id);
        ids.insert(ids.end(), run, control);
      }
      EXPECT_EQ(Join(Pieces(*tokenizer, {}, ids)), tokenizer->Decode(ids, {})) << file;
    }
  }
}

TEST(PieceDecoder, HalfACharacterIsHeldBackUntilTheEnd) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load("src/text/golden/parts/cl100k_base.tiktoken"));
  const std::vector<int32_t> ids = tokenizer->Encode("a👩b", {.add_special_tokens = false}).ids;
  const auto pieces = Pieces(*tokenizer, {}, ids);
  for (const std::string& piece : pieces) EXPECT_THAT(piece, ::testing::Not(::testing::HasSubstr("\uFFFD")));
  const std::span<const int32_t> cut = std::span(ids).first(ids.size() - 2);
  const auto torn = Pieces(*tokenizer, {}, cut);
  EXPECT_THAT(torn.back(), ::testing::HasSubstr("\uFFFD"));
  for (size_t i = 0; i + 1 < torn.size(); ++i) EXPECT_THAT(torn[i], ::testing::Not(::testing::HasSubstr("\uFFFD")));
}

TEST(StopStrings, AreFoundAcrossPiecesAndNeverShown) {
  StopStrings stops({"END", "\n\nUser:"});
  EXPECT_EQ(stops.Add("one E"), "one ");
  EXPECT_EQ(stops.Add("N"), "");
  EXPECT_EQ(stops.Add("Dless"), "");
  ASSERT_TRUE(stops.found().has_value());
  EXPECT_EQ(*stops.found(), "END");
  EXPECT_EQ(stops.Add("more"), "");
  EXPECT_EQ(stops.Finish(), "");
}

TEST(StopStrings, WhatOnlyBeginsLikeOneIsShownLater) {
  StopStrings stops({"aab"});
  EXPECT_EQ(stops.Add("xa"), "x");
  EXPECT_EQ(stops.Add("a"), "");
  EXPECT_EQ(stops.Add("a"), "a");
  EXPECT_EQ(stops.Add("c"), "aac");
  EXPECT_EQ(stops.Add("aa"), "");
  EXPECT_EQ(stops.Finish(), "aa");
  EXPECT_FALSE(stops.found().has_value());
}

TEST(StopStrings, TheFirstOneCountsAndOfTwoAtOnePlaceTheLonger) {
  StopStrings stops({"b", "ab", "abc"});
  EXPECT_EQ(stops.Add("xxabc"), "xx");
  EXPECT_EQ(*stops.found(), "abc");
}

// Against the plain definition, over every way to cut a text into pieces at random.
TEST(StopStrings, ShowTheTextUpToTheFirstStopHoweverItComes) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (unsigned i = random() % 30; i > 0; --i) text += static_cast<char>('a' + random() % 3);
    std::vector<std::string> list;
    for (unsigned i = random() % 4; i > 0; --i) {
      list.emplace_back();
      for (unsigned j = 1 + random() % 4; j > 0; --j) list.back() += static_cast<char>('a' + random() % 3);
    }
    // The first stop to be complete as characters come in one by one ends the text where it begins.
    size_t expected = text.size();
    StopStrings by_one(list);
    std::string shown_by_one, shown;
    for (const char c : text) shown_by_one += by_one.Add({&c, 1});
    shown_by_one += by_one.Finish();
    for (const std::string& stop : list) expected = std::min(expected, text.find(stop));
    StopStrings at_once(list);
    shown = at_once.Add(text);
    shown += at_once.Finish();
    EXPECT_EQ(shown, text.substr(0, expected)) << text;
    EXPECT_TRUE(text.starts_with(shown_by_one));
    EXPECT_EQ(by_one.found().has_value(), at_once.found().has_value());
    for (const std::string& stop : list) EXPECT_EQ(shown_by_one.find(stop), std::string::npos) << text << ": " << stop;
  }
}

}  // namespace
}  // namespace bantam
