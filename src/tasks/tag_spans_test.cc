#include "tasks/tag_spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"

namespace bantam {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;

std::unique_ptr<Tokenizer> SomeTokenizer() {
  auto tokenizer = Tokenizer::Load("src/tasks/golden/models/names/tokenizer.json");
  return tokenizer ? *std::move(tokenizer) : nullptr;
}

// One token for each label, two characters long, a space apart.
std::vector<ScoredToken> Tokens(const std::vector<std::string>& labels, const std::vector<size_t>& best) {
  std::vector<ScoredToken> tokens;
  for (const size_t label : best) {
    const auto at = static_cast<uint32_t>(3 * tokens.size());
    ScoredToken token{.scores = std::vector<float>(labels.size(), 0.1f), .word = "ab", .span = {at, at + 2}};
    token.scores[label] = 0.5f;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::vector<std::string> Spans(const std::vector<std::string>& labels, const std::vector<size_t>& best) {
  const auto tokenizer = SomeTokenizer();
  std::vector<std::string> out;
  for (const TaggedSpan& span : SpanMaker(labels, *tokenizer).Make(Tokens(labels, best), Aggregation::kSimple)) {
    out.push_back(fmt::format("{} {}-{}", span.label, span.begin, span.end));
  }
  return out;
}

TEST(TagSpans, BioGroupsAreTheReferences) {
  const std::vector<std::string> labels = {"O", "B-PER", "I-PER", "B-LOC", "I-LOC"};
  EXPECT_FALSE(HasClosingLabels(labels));
  EXPECT_THAT(Spans(labels, {1, 2, 2, 0, 3}), ElementsAre("PER 0-8", "O 9-11", "LOC 12-14"));
  EXPECT_THAT(Spans(labels, {1, 1, 2, 4, 4, 3}), ElementsAre("PER 0-2", "PER 3-8", "LOC 9-14", "LOC 15-17"));
  EXPECT_THAT(Spans(labels, {2, 0, 0}), ElementsAre("PER 0-2", "O 3-8"));
  EXPECT_THAT(Spans({"NOUN", "VERB"}, {0, 0, 1}), ElementsAre("NOUN 0-5", "VERB 6-8"));
  // A dash in a name without a known prefix.
  EXPECT_THAT(Spans({"X-Y", "O"}, {0, 0}), ElementsAre("Y 0-5"));
}

TEST(TagSpans, BioesLabelsSayWhereSpansEnd) {
  const std::vector<std::string> labels = {"O", "B-PER", "I-PER", "E-PER", "S-PER"};
  EXPECT_TRUE(HasClosingLabels(labels));
  EXPECT_THAT(Spans(labels, {1, 2, 3, 4, 4}), ElementsAre("PER 0-8", "PER 9-11", "PER 12-14"));
  EXPECT_THAT(Spans(labels, {1, 3, 2}), ElementsAre("PER 0-5", "PER 6-8"));
  EXPECT_THAT(Spans({"O", "B-X", "I-X", "L-X", "U-X"}, {1, 3, 1, 2, 3, 0}), ElementsAre("X 0-5", "X 6-14", "O 15-17"));
}

TEST(TagSpans, WordsAreLabelledByStrategy) {
  const auto tokenizer = SomeTokenizer();
  const std::vector<std::string> labels = {"A", "B"};
  const auto word = [&](Aggregation aggregation) {
    std::vector<ScoredToken> tokens(3);
    tokens[0] = {.scores = {0.6f, 0.4f}, .word = "a", .span = {0, 1}};
    tokens[1] = {.scores = {0.45f, 0.55f}, .word = "##b", .span = {1, 2}, .continues = true};
    tokens[2] = {.scores = {0.1f, 0.9f}, .word = "##c", .span = {2, 3}, .continues = true};
    const auto spans = SpanMaker(labels, *tokenizer).Make(std::move(tokens), aggregation);
    return spans.size() == 1 ? spans[0] : TaggedSpan();
  };
  EXPECT_EQ(word(Aggregation::kFirst).label, "A");
  EXPECT_FLOAT_EQ(word(Aggregation::kFirst).score, 0.6f);
  EXPECT_EQ(word(Aggregation::kMax).label, "B");
  EXPECT_FLOAT_EQ(word(Aggregation::kMax).score, 0.9f);
  EXPECT_EQ(word(Aggregation::kAverage).label, "B");
  EXPECT_NEAR(word(Aggregation::kAverage).score, (0.4 + 0.55 + 0.9) / 3, 1e-6);
  EXPECT_EQ(word(Aggregation::kAverage).word, "abc");
  EXPECT_EQ(word(Aggregation::kAverage).end, 3u);
}

TEST(TagSpans, OfOverlappingSpansTheLongestStays) {
  const auto span = [](uint32_t begin, uint32_t end, float score) {
    return TaggedSpan{.label = "X", .score = score, .word = "", .begin = begin, .end = end};
  };
  const auto merged = MergeOverlapping({span(8, 12, 0.5f), span(0, 4, 0.9f), span(2, 9, 0.1f), span(20, 22, 0.3f),
                                        span(20, 22, 0.4f), span(22, 23, 0.2f)});
  std::vector<std::string> out;
  for (const TaggedSpan& s : merged) out.push_back(fmt::format("{}-{} {}", s.begin, s.end, s.score));
  EXPECT_THAT(out, ElementsAre("2-9 0.1", "20-22 0.4", "22-23 0.2"));
  EXPECT_TRUE(MergeOverlapping({}).empty());
}

}  // namespace
}  // namespace bantam
