// What must hold for every text, shown on texts made to break it.
#include <gtest/gtest.h>

#include <random>

#include "base/testing.h"
#include "base/text_util.h"
#include "text/encode_steps.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace bantam {
namespace {

std::unique_ptr<Tokenizer> Load(std::string_view name) {
  auto tokenizer = Tokenizer::Load(Path("src/text/golden") / fmt::format("{}.tokenizer.json", name));
  EXPECT_OK(tokenizer);
  return std::move(tokenizer).value();
}

std::string Repeat(std::string_view piece, size_t bytes) {
  std::string out;
  out.reserve(bytes + piece.size());
  while (out.size() < bytes) out += piece;
  return out;
}

struct Attack {
  const char* name;
  std::string_view piece;
};

// The work for twice the text must be at most twice the work and a little: no clock, so no luck.
class LinearTime : public ::testing::TestWithParam<Attack> {};

TEST_P(LinearTime, TwiceTheTextIsTwiceTheWork) {
  constexpr size_t kBytes = size_t{1} << 20;
  for (const char* name :
       {"uncased", "stripped_unclean", "lowered_with_accents", "only_the_model", "added_tokens", "parts/gpt2",
        "parts/llama3", "parts/o200k", "parts/deepseek_v3", "parts/deepseek_coder", "parts/clip", "parts/llama",
        "parts/t5", "parts/xlmr", "parts/words", "parts/bpe_with_prefix"}) {
    const auto tokenizer = Load(name);
    // A heap or a lattice for each byte takes its time: less text shows the same.
    const size_t size = std::string_view(name).starts_with("parts/") ? kBytes / 32 : kBytes;
    const auto steps = [&](size_t bytes) {
      const std::string text = Repeat(GetParam().piece, bytes);
      text::TakeEncodeSteps();
      const Encoding encoding = tokenizer->Encode(text, {.recognize_special_tokens = true, .offsets = true});
      EXPECT_EQ(encoding.ids.size(), encoding.num_tokens_before_truncation);
      return text::TakeEncodeSteps();
    };
    const uint64_t half = steps(size / 2), whole = steps(size);
    EXPECT_LE(whole, 2 * half + half / 50) << name;
    EXPECT_GE(whole, size) << name << ": the steps are not counted";
    // No attack may cost more than this per byte, whatever it is made of.
    EXPECT_LE(whole, 64 * size) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, LinearTime,
    ::testing::Values(
        Attack{"OneWord", "a"}, Attack{"OneUnknownWord", "q"}, Attack{"Carets", "^"}, Attack{"Brackets", "["},
        Attack{"Spaces", " "}, Attack{"LineFeeds", "\n"}, Attack{"Nul", {"\0", 1}}, Attack{"Marks", "\u0301"},
        Attack{"MarksOutOfOrder", "\u0345\u0301\u0323\u0334"}, Attack{"MarksThatSurvive", "\u302e\u0301\u0323"},
        Attack{"Ideographs", "東"}, Attack{"CompatibilityIdeographs", "\uf900"}, Attack{"Hangul", "각"},
        Attack{"Emoji", "👩‍👩‍👧"}, Attack{"LowerGrows", "\u0130"}, Attack{"IllFormed", "\xE2\x82"},
        Attack{"Special", "[SEP]"}, Attack{"AlmostSpecial", "[SEP"}, Attack{"StripsRight", "[A] "},
        Attack{"StripsLeft", " [B]"}, Attack{"SpacesThenToken", " x "},
        Attack{
            "WordsOfAHundred",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa~ "}),
    [](const auto& test) { return std::string(test.param.name); });

// Runs of marks of growing length, because one run is sorted as a whole.
TEST(LinearTimeOfRuns, OneRunOfMarks) {
  const auto tokenizer = Load("uncased");
  uint64_t before = 0;
  for (size_t bytes = size_t{1} << 16; bytes <= size_t{1} << 20; bytes *= 2) {
    text::TakeEncodeSteps();
    const std::string text = "a" + Repeat("\u0345\u302e\u0301\u0323\u0334\u0344", bytes);
    const Encoding encoding = tokenizer->Encode(text, {.offsets = true});
    const uint64_t steps = text::TakeEncodeSteps();
    if (before != 0) {
      EXPECT_LE(steps, 2 * before + before / 50);
    }
    before = steps;
    EXPECT_LE(encoding.ids.size(), 3U);
  }
}

std::string RandomText(std::mt19937& random) {
  static constexpr const char* kPieces[] = {"[CLS]", "[SEP]",  "[MASK]", "[PAD]", "[UNK]",  "[MASK][MASK]",
                                            "[B]",   "##ing",  "[",      "]",     "the",    "Refund ",
                                            " ",     "\u0301", "東",     "[BB]",  "\u0130", "\xFF"};
  std::string text;
  for (size_t i = 0; i < 1 + random() % 12; ++i) {
    if (random() % 3 == 0) {
      const char32_t c = random() % 0x11000 * (1 + random() % 16);
      if (c < 0xD800 || (c > 0xDFFF && c < 0x110000)) AppendUtf8(c, text);
    } else {
      text += kPieces[random() % std::size(kPieces)];
    }
  }
  return text;
}

TEST(TokenizerProperty, UsersCannotWriteSpecialTokens) {
  std::mt19937 random(3);
  for (const char* name : {"uncased", "cased", "only_the_model", "added_tokens"}) {
    const auto tokenizer = Load(name);
    std::vector<int32_t> special;
    for (const char* token : {"[CLS]", "[SEP]", "[MASK]", "[PAD]"}) special.push_back(tokenizer->TokenId(token));
    if (name == std::string_view("added_tokens")) {
      for (const char* token : {"[B]", "[MASK][MASK]"}) special.push_back(tokenizer->TokenId(token));
    }
    for (int i = 0; i < 5'000; ++i) {
      // Whole special tokens too: without a pre-tokenizer the model itself would find them.
      std::string text =
          i % 10 == 0 ? std::string(tokenizer->TokenText(special[random() % special.size()])) : RandomText(random);
      for (const int32_t id : tokenizer->Encode(text, {.add_special_tokens = false}).ids) {
        ASSERT_EQ(std::find(special.begin(), special.end(), id), special.end()) << EscapeForTerminal(text);
      }
    }
    EXPECT_EQ(tokenizer->Encode("[SEP]", {.add_special_tokens = false, .recognize_special_tokens = true}).ids,
              std::vector<int32_t>{tokenizer->TokenId("[SEP]")});
  }
}

TEST(TokenizerProperty, SpecialTokensSpelledLikeWordsAreHiddenInTheModel) {
  const std::string json =
      R"({"added_tokens":[{"id":1,"content":"stop","special":true,"single_word":false,"lstrip":false,"rstrip":false,)"
      R"("normalized":false}],"normalizer":null,"pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,)"
      R"("model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,)"
      R"("vocab":{"[UNK]":0,"stop":1,"st":2,"##op":3}}})";
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::FromJson(json, "t.json"));
  EXPECT_EQ(tokenizer->Encode("stop", {}).ids, (std::vector<int32_t>{2, 3}));
  EXPECT_EQ(tokenizer->Encode("stop", {.recognize_special_tokens = true}).ids, (std::vector<int32_t>{1}));
}

TEST(TokenizerProperty, OffsetsRiseAndStayWithinTheText) {
  std::mt19937 random(5);
  for (const char* name : {"uncased", "cased", "stripped_unclean", "lowered_with_accents", "short_words"}) {
    const auto tokenizer = Load(name);
    for (int i = 0; i < 3'000; ++i) {
      const std::string text = RandomText(random);
      const size_t length = text::CountCodePoints(ReplaceInvalidUtf8(text));
      const Encoding encoding = tokenizer->Encode(
          text, {.add_special_tokens = false, .recognize_special_tokens = i % 2 == 0, .offsets = true});
      ASSERT_EQ(encoding.ids.size(), encoding.offsets.size());
      TokenSpan last;
      for (const TokenSpan span : encoding.offsets) {
        ASSERT_LT(span.begin, span.end) << EscapeForTerminal(text);
        ASSERT_LE(span.end, length) << EscapeForTerminal(text);
        ASSERT_GE(span.begin, last.begin) << EscapeForTerminal(text);
        ASSERT_GE(span.end, last.end) << EscapeForTerminal(text);
        last = span;
      }
    }
  }
}

// Padding bytes, eight-byte steps and buffers that grow: a text must give the same alone as wherever it stands.
TEST(TokenizerProperty, WordsGiveTheSameTokensInAnyNeighbourhood) {
  std::mt19937 random(9);
  const auto tokenizer = Load("uncased");
  for (int i = 0; i < 3'000; ++i) {
    const std::string a = RandomText(random), b = RandomText(random);
    const EncodeOptions options{.add_special_tokens = false};
    std::vector<int32_t> expected = tokenizer->Encode(a, options).ids;
    const std::vector<int32_t> second = tokenizer->Encode(b, options).ids;
    expected.insert(expected.end(), second.begin(), second.end());
    ASSERT_EQ(tokenizer->Encode(a + "\n" + b, options).ids, expected)
        << EscapeForTerminal(a) << " + " << EscapeForTerminal(b);
  }
}

TEST(Characters, EncodeAndDecodeAgree) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    char bytes[4];
    const size_t length = text::EncodeUtf8(c, bytes);
    std::string expected;
    AppendUtf8(c, expected);
    ASSERT_EQ(std::string_view(bytes, length), expected);
    const text::Decoded decoded = text::DecodeUtf8(bytes);
    ASSERT_EQ(decoded.code_point, c);
    ASSERT_EQ(decoded.length, length);
    ASSERT_EQ(text::DecodeUtf8Before(bytes, bytes + length).code_point, c);
    const uint16_t flags = text::ClassOf(c).flags;
    ASSERT_EQ(!text::Decomposition(c).empty(), (flags & text::kDecomposes) != 0) << static_cast<uint32_t>(c);
    ASSERT_EQ(!text::Lower(c).empty(), (flags & text::kLowers) != 0) << static_cast<uint32_t>(c);
  }
}

}  // namespace
}  // namespace bantam
