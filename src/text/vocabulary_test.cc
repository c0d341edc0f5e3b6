// The table against an ordinary map, over random words.
#include "text/vocabulary.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/testing.h"

namespace bantam::text {
namespace {

constexpr std::string_view kPadding{"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16};

std::string RandomWord(std::mt19937& random, size_t longest) {
  // Few letters, so that words begin alike; one of three bytes, so that lengths differ from characters.
  static constexpr const char* kLetters[] = {"a", "b", "ab", "東", "#"};
  std::string word;
  const size_t letters = 1 + random() % longest;
  for (size_t i = 0; i < letters; ++i) word += kLetters[random() % std::size(kLetters)];
  return word;
}

class VocabularyTest : public ::testing::TestWithParam<std::tuple<const char*, size_t>> {};

TEST_P(VocabularyTest, FindsWhatAMapFinds) {
  const auto [prefix, longest] = GetParam();
  std::mt19937 random(7);
  Vocabulary vocabulary;
  std::map<std::string, int32_t> map;
  for (int32_t id = 0; id < 500; ++id) {
    std::string token = RandomWord(random, longest);
    if (random() % 2 == 0) token = prefix + token;
    if (id == 0) token = prefix;
    if (token.empty() || !map.emplace(token, 3 * id).second) continue;
    ASSERT_OK(vocabulary.Add(token, 3 * id));
  }
  ASSERT_OK(vocabulary.Finish(prefix));
  EXPECT_EQ(vocabulary.size(), map.size());
  std::vector<std::string> special;
  for (const auto& [token, id] : map) {
    EXPECT_EQ(vocabulary.IdOf(token), id);
    EXPECT_EQ(vocabulary.TextOf(id), token);
    if (id % 7 == 1 && token != prefix) special.push_back(token);
  }
  for (const std::string& token : special) vocabulary.MakeSpecial(token);

  for (int i = 0; i < 20'000; ++i) {
    const std::string word = i % 3 == 0 ? std::next(map.begin(), static_cast<long>(random() % map.size()))->first
                                        : RandomWord(random, longest);
    const std::string padded = word + std::string(kPadding);
    const bool find_special = i % 2 == 0;
    const bool continues = i % 5 < 2;
    const auto look_up = [&](const std::string& token) {
      const auto found = map.find(token);
      if (found == map.end()) return -1;
      const bool hidden = !find_special && std::find(special.begin(), special.end(), token) != special.end();
      return hidden ? -1 : found->second;
    };
    const Vocabulary::Match whole = vocabulary.FindWord(padded.data(), word.size(), find_special);
    ASSERT_EQ(whole.length == 0 ? -1 : whole.id, look_up(word)) << word;

    int32_t expected = -1;
    size_t length = word.size();
    for (; length > 0 && expected < 0; --length) expected = look_up((continues ? prefix : "") + word.substr(0, length));
    uint64_t steps = 0;
    const Vocabulary::Match match =
        vocabulary.LongestPrefix(continues, padded.data(), word.size(), find_special, steps);
    ASSERT_EQ(match.length == 0 ? -1 : match.id, expected) << word << (continues ? " continues" : "");
    if (expected >= 0) {
      ASSERT_EQ(match.length, length + 1) << word;
    }
    ASSERT_LE(steps, 2 * word.size() + 2);
  }
}

INSTANTIATE_TEST_SUITE_P(All, VocabularyTest,
                         ::testing::Combine(::testing::Values("##", "", "a", "東"),
                                            ::testing::Values(size_t{3}, size_t{40})));

// All at once gives what one after the other gives, batches that do not come out even included.
TEST(Vocabulary, FindsManyAtOnce) {
  std::mt19937 random(11);
  for (const char* prefix : {"", "##"}) {
    Vocabulary vocabulary;
    std::vector<std::string> words = {"", prefix, std::string(70'000, 'x')};
    for (int32_t id = 0; id < 300; ++id) {
      words.push_back(fmt::format("{}{}{}", id % 2 == 0 ? prefix : "", id, RandomWord(random, 12)));
      if (id % 3 != 0) ASSERT_OK(vocabulary.Add(words.back(), id));
    }
    ASSERT_OK(vocabulary.Finish(prefix));
    const std::vector<std::string_view> tokens(words.begin(), words.end());
    std::vector<int32_t> ids(tokens.size() + 1, 77);
    vocabulary.IdsOf(tokens, ids);
    for (size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(ids[i], vocabulary.IdOf(tokens[i])) << words[i].substr(0, 40);
    EXPECT_EQ(ids.back(), 77);
  }
  std::vector<int32_t> ids(2);
  Vocabulary().IdsOf(std::vector<std::string_view>{"a", "b"}, ids);
  EXPECT_EQ(ids, (std::vector<int32_t>{-1, -1}));
}

TEST(Vocabulary, HoldsIdsWithGapsAndTokensOfEveryLength) {
  Vocabulary vocabulary;
  ASSERT_OK(vocabulary.Add("", 0));
  std::string token;
  for (int32_t id = 10; id < 1000; id += 2) ASSERT_OK(vocabulary.Add(token += static_cast<char>('a' + id % 26), id));
  ASSERT_OK(vocabulary.Finish("##"));
  EXPECT_EQ(vocabulary.end_id(), 999);
  for (int32_t id = 10; id < 1000; id += 2) {
    EXPECT_EQ(vocabulary.IdOf(vocabulary.TextOf(id)), id);
    EXPECT_EQ(vocabulary.TextOf(id + 1), "");
  }
  EXPECT_EQ(vocabulary.IdOf(""), -1);
  EXPECT_EQ(vocabulary.IdOf(std::string(100'000, 'x')), -1);
}

}  // namespace
}  // namespace bantam::text
