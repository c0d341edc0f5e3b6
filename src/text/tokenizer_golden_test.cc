// What the references gave for awkward texts with small tokenizers of several kinds (golden/make_*_golden.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing.h"
#include "base/text_util.h"
#include "text/tokenizer.h"

namespace bantam {
namespace {

constexpr const char* kFolder = "src/text/golden";

std::string Describe(const Encoding& encoding) {
  std::string out;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    out += fmt::format("{}", encoding.ids[i]);
    if (!encoding.offsets.empty()) out += fmt::format("[{},{}]", encoding.offsets[i].begin, encoding.offsets[i].end);
    out += ' ';
  }
  return out;
}

Encoding FromJson(const json::object& line) {
  Encoding encoding;
  for (const json::value& id : line.at("ids").as_array()) encoding.ids.push_back(static_cast<int32_t>(id.as_int64()));
  if (!line.contains("offsets")) return encoding;
  for (const json::value& span : line.at("offsets").as_array()) {
    encoding.offsets.push_back(
        {static_cast<uint32_t>(span.as_array()[0].as_int64()), static_cast<uint32_t>(span.as_array()[1].as_int64())});
  }
  return encoding;
}

// One file of answers: `lines` as golden/make_tokenizer_golden.py says, "offsets", "decoded" and "decoded_plain" where
// the reference has them.
void CheckAnswers(const Tokenizer& tokenizer, std::string_view lines, std::string_view name) {
  size_t count = 0;
  for (size_t begin = 0, end; (end = lines.find('\n', begin)) != std::string::npos; begin = end + 1) {
    ASSERT_OK_AND_ASSIGN(const json::value value, ParseJson(lines.substr(begin, end - begin), name));
    const json::object& line = value.as_object();
    const std::string_view text = line.at("text").as_string();
    EncodeOptions options{.add_special_tokens = line.at("add").as_bool(),
                          .recognize_special_tokens = line.at("special").as_bool(),
                          .offsets = line.contains("offsets"),
                          .max_tokens = static_cast<size_t>(line.at("max").as_int64())};
    const Encoding expected = FromJson(line);
    const Encoding encoding = tokenizer.Encode(text, options);
    EXPECT_EQ(Describe(encoding), Describe(expected)) << name << " line " << count + 1 << ": " << value;
    // The same ids without offsets, which takes other paths.
    options.offsets = false;
    const Encoding ids_only = tokenizer.Encode(text, options);
    EXPECT_EQ(ids_only.ids, encoding.ids);
    EXPECT_TRUE(ids_only.offsets.empty());
    if (const json::value* decoded = line.if_contains("decoded")) {
      EXPECT_EQ(tokenizer.Decode(expected.ids, {.skip_special_tokens = false}), std::string(decoded->as_string()))
          << name << " line " << count + 1 << ": " << value;
    }
    if (const json::value* decoded = line.if_contains("decoded_plain")) {
      EXPECT_EQ(tokenizer.Decode(expected.ids, {.skip_special_tokens = true}), std::string(decoded->as_string()))
          << name << " line " << count + 1 << ": " << value;
    }
    ++count;
  }
  EXPECT_GT(count, 50U);
}

class TokenizerGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerGolden, GivesWhatTheReferenceGives) {
  const Path folder = kFolder;
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(folder / fmt::format("{}.tokenizer.json", GetParam())));
  ASSERT_OK_AND_ASSIGN(const std::string lines, ReadFile(folder / fmt::format("{}.jsonl", GetParam())));
  CheckAnswers(*tokenizer, lines, GetParam());
}

// Every file of golden/parts (golden/make_parts_golden.py): tokenizer.json, *.model and *.tiktoken.
TEST(TokenizerGolden, PartsGiveWhatTheReferencesGive) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Path(kFolder) / "parts")) {
    if (entry.path().extension() == ".jsonl") continue;
    const std::string file = entry.path().filename().string();
    const std::string name = file.substr(0, file.find('.'));
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(entry.path()));
    ASSERT_OK_AND_ASSIGN(const std::string lines, ReadFile(entry.path().parent_path() / (name + ".jsonl")));
    CheckAnswers(*tokenizer, lines, name);
    ++count;
  }
  EXPECT_GE(count, 26U);
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerGolden,
                         ::testing::Values("uncased", "cased", "lowered_with_accents", "stripped_unclean",
                                           "only_the_model", "short_words", "added_tokens"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Tokenizer, AnswersAboutItsTokens) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(Path(kFolder) / "added_tokens.tokenizer.json"));
  EXPECT_EQ(tokenizer->kind(), "WordPiece");
  EXPECT_EQ(tokenizer->TokenText(0), "[PAD]");
  EXPECT_EQ(tokenizer->TokenId("[SEP]"), 3);
  EXPECT_EQ(tokenizer->TokenText(tokenizer->TokenId("##ing")), "##ing");
  EXPECT_EQ(tokenizer->TokenText(tokenizer->TokenId("##")), "##");
  EXPECT_EQ(tokenizer->TokenText(tokenizer->TokenId("Ångström")), "Ångström");
  EXPECT_EQ(tokenizer->TokenId("[MASK][MASK]"), tokenizer->vocab_size() - 1);
  EXPECT_EQ(tokenizer->TokenId("no such token"), -1);
  EXPECT_EQ(tokenizer->TokenId(""), -1);
  EXPECT_EQ(tokenizer->TokenText(-1), "");
  EXPECT_EQ(tokenizer->TokenText(tokenizer->vocab_size()), "");
}

TEST(Tokenizer, CutsOnTheRightAndKeepsTheSpecialTokens) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(Path(kFolder) / "uncased.tokenizer.json"));
  const std::string text = "the quick brown fox's e-mail";
  const Encoding whole = tokenizer->Encode(text, {.offsets = true});
  EXPECT_FALSE(whole.truncated());
  EXPECT_EQ(whole.num_tokens_before_truncation, whole.ids.size());
  for (size_t limit = 1; limit <= whole.ids.size() + 1; ++limit) {
    const Encoding cut = tokenizer->Encode(text, {.offsets = true, .max_tokens = limit});
    ASSERT_EQ(cut.ids.size(), std::min(limit, whole.ids.size()));
    ASSERT_EQ(cut.offsets.size(), cut.ids.size());
    EXPECT_EQ(cut.num_tokens_before_truncation, whole.ids.size());
    EXPECT_EQ(cut.truncated(), limit < whole.ids.size());
    EXPECT_EQ(cut.ids[0], tokenizer->TokenId("[CLS]"));
    if (limit < 2) continue;
    EXPECT_EQ(cut.ids.back(), tokenizer->TokenId("[SEP]"));
    EXPECT_TRUE(std::equal(cut.ids.begin(), cut.ids.end() - 1, whole.ids.begin()));
  }
}

TEST(Tokenizer, ReadsIllFormedUtf8AsReplacementCharacters) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Load(Path(kFolder) / "only_the_model.tokenizer.json"));
  for (const std::string_view bad : {"a\xFF", "\xC3", "\xE2\x82", "x\xED\xA0\x80y", "\xF5\x80", "a\xC0\xAF z"}) {
    const std::string repaired = ReplaceInvalidUtf8(bad);
    const Encoding a = tokenizer->Encode(bad, {.offsets = true}), b = tokenizer->Encode(repaired, {.offsets = true});
    EXPECT_EQ(Describe(a), Describe(b));
    EXPECT_FALSE(a.ids.empty());
  }
}

}  // namespace
}  // namespace bantam
