#include "text/text_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"

namespace bantam {
namespace {

using Kind = TemplatePiece::Kind;

// The reference's numbers: kept of (first, second) with so much room.
TEST(TextPair, TruncatesAsTheReference) {
  struct Case {
    PairLengths lengths;
    size_t room;
    PairTruncation truncation;
    std::optional<PairLengths> kept;
  };
  const auto longest = PairTruncation::kLongestFirst, first = PairTruncation::kOnlyFirst,
             second = PairTruncation::kOnlySecond;
  const Case cases[] = {
      {{3, 4}, 7, longest, PairLengths{3, 4}}, {{3, 9}, 7, longest, PairLengths{3, 4}},
      {{9, 3}, 7, longest, PairLengths{4, 3}}, {{9, 9}, 7, longest, PairLengths{3, 4}},
      {{9, 8}, 7, longest, PairLengths{4, 3}}, {{4, 9}, 7, longest, PairLengths{3, 4}},
      {{9, 9}, 6, longest, PairLengths{3, 3}}, {{0, 9}, 7, longest, PairLengths{0, 7}},
      {{9, 9}, 0, longest, PairLengths{0, 0}}, {{9, 9}, 1, longest, PairLengths{0, 1}},
      {{9, 3}, 7, first, PairLengths{4, 3}},   {{3, 9}, 7, first, std::nullopt},
      {{3, 7}, 7, first, std::nullopt},        {{3, 9}, 7, second, PairLengths{3, 4}},
      {{7, 3}, 7, second, std::nullopt},       {{6, 3}, 7, second, PairLengths{6, 1}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(TruncatePair(c.lengths, c.room, c.truncation), c.kept)
        << c.lengths.first << " " << c.lengths.second << " " << c.room << " " << PairTruncationName(c.truncation);
  }
  for (const PairTruncation truncation : {longest, first, second}) {
    ASSERT_OK_AND_ASSIGN(const PairTruncation same, ParsePairTruncation(PairTruncationName(truncation)));
    EXPECT_EQ(same, truncation);
  }
  EXPECT_THAT(ParsePairTruncation("middle").error().message, ::testing::HasSubstr("longest_first"));
}

TEST(TextPair, WindowsOverlapAndCoverEverything) {
  EXPECT_EQ(OverlappingWindows(0, 5, 2), (std::vector<TokenRange>{{0, 0}}));
  EXPECT_EQ(OverlappingWindows(5, 5, 2), (std::vector<TokenRange>{{0, 5}}));
  EXPECT_EQ(OverlappingWindows(6, 5, 2), (std::vector<TokenRange>{{0, 5}, {3, 6}}));
  EXPECT_EQ(OverlappingWindows(12, 5, 0), (std::vector<TokenRange>{{0, 5}, {5, 10}, {10, 12}}));
  EXPECT_EQ(OverlappingWindows(4, 2, 1), (std::vector<TokenRange>{{0, 2}, {1, 3}, {2, 4}}));
}

std::string File(std::string_view post_processor) {
  constexpr std::string_view kFlags =
      R"("single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true)";
  return fmt::format(
      R"({{"version":"1.0","added_tokens":[{{"id":0,"content":"[CLS]",{0}}},{{"id":1,"content":"[SEP]",{0}}}],"normalizer":null,"pre_tokenizer":{{"type":"Whitespace"}},"post_processor":{1},)"
      R"("decoder":null,"model":{{"type":"WordLevel","vocab":{{"[CLS]":0,"[SEP]":1,"a":2,"b":3,"?":4}},)"
      R"("unk_token":"?"}}}})",
      kFlags, post_processor);
}

// What a post-processor makes of "a" and "b b".
Result<JoinedTokens> Joined(std::string_view post_processor) {
  BANTAM_TRY(const auto tokenizer, Tokenizer::FromJson(File(post_processor), "tokenizer.json"));
  const Encoding first = tokenizer->Encode("a", kBareTokens), second = tokenizer->Encode("b b", kBareTokens);
  if (tokenizer->pair_template().empty()) return Err(ErrorCode::kUnsupported, "no pairs");
  return JoinTokens(tokenizer->pair_template(), first.ids, second.ids);
}

constexpr std::string_view kSpecial =
    R"("special_tokens":{"[CLS]":{"id":"[CLS]","ids":[0],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[1],)"
    R"("tokens":["[SEP]"]}})";

TEST(TextPair, EachPostProcessorJoinsAsTheReference) {
  using Ids = std::vector<int32_t>;
  const std::string single =
      R"("single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],)";
  ASSERT_OK_AND_ASSIGN(
      JoinedTokens joined,
      Joined(R"({"type":"TemplateProcessing",)" + single +
             R"("pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"B","type_id":2}},)"
             R"({"SpecialToken":{"id":"[SEP]","type_id":1}},{"Sequence":{"id":"A","type_id":0}}],)" +
             std::string(kSpecial) + "}"));
  EXPECT_EQ(joined.ids, (Ids{0, 3, 3, 1, 2}));
  EXPECT_EQ(joined.type_ids, (Ids{0, 2, 2, 1, 0}));
  EXPECT_EQ(joined.first_begin, 4u);
  EXPECT_EQ(joined.second_begin, 1u);

  ASSERT_OK_AND_ASSIGN(joined, Joined(R"({"type":"BertProcessing","cls":["[CLS]",0],"sep":["[SEP]",1]})"));
  EXPECT_EQ(joined.ids, (Ids{0, 2, 1, 3, 3, 1}));
  EXPECT_EQ(joined.type_ids, (Ids{0, 0, 0, 1, 1, 1}));

  ASSERT_OK_AND_ASSIGN(joined, Joined(R"({"type":"RobertaProcessing","cls":["[CLS]",0],"sep":["[SEP]",1],)"
                                      R"("trim_offsets":true,"add_prefix_space":false})"));
  EXPECT_EQ(joined.ids, (Ids{0, 2, 1, 1, 3, 3, 1}));
  EXPECT_EQ(joined.type_ids, (Ids{0, 0, 0, 0, 0, 0, 0}));

  const std::string byte_level = R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true})";
  for (const std::string& none : {std::string("null"), byte_level}) {
    ASSERT_OK_AND_ASSIGN(joined, Joined(none));
    EXPECT_EQ(joined.ids, (Ids{2, 3, 3}));
    EXPECT_EQ(joined.type_ids, (Ids{0, 1, 1}));
  }
  ASSERT_OK_AND_ASSIGN(joined, Joined(R"({"type":"Sequence","processors":[)" + byte_level +
                                      R"(,{"type":"BertProcessing","cls":["[CLS]",0],"sep":["[SEP]",1]}]})"));
  EXPECT_EQ(joined.ids, (Ids{0, 2, 1, 3, 3, 1}));
}

TEST(TextPair, TemplatesThatLoseATextJoinNothing) {
  const std::string head = R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}],)";
  const std::string tail = std::string(kSpecial) + "}";
  for (const std::string pair : {R"("pair":[],)", R"("pair":[{"Sequence":{"id":"A","type_id":0}}],)",
                                 R"("pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"A","type_id":0}},)"
                                 R"({"Sequence":{"id":"B","type_id":0}}],)",
                                 ""}) {
    EXPECT_EQ(Joined(head + pair + tail).error().message, "no pairs") << pair;
  }
  EXPECT_THAT(Joined(head + R"("pair":[{"Sequence":{"id":"C","type_id":0}}],)" + tail).error().message,
              ::testing::HasSubstr("/post_processor/pair/0/Sequence/id"));
  EXPECT_THAT(Joined(head + R"("pair":[{"Sequence":{"id":"A","type_id":-1}}],)" + tail).error().message,
              ::testing::HasSubstr("/post_processor/pair/0/Sequence/type_id"));
}

TEST(TextPair, WordsAreThoseOfThePreTokenizer) {
  ASSERT_OK_AND_ASSIGN(
      const auto tokenizer,
      Tokenizer::FromJson(File(R"({"type":"BertProcessing","cls":["[CLS]",0],"sep":["[SEP]",1]})"), "tokenizer.json"));
  const Encoding encoding = tokenizer->Encode("a b a", {.words = true});
  ASSERT_EQ(encoding.words.size(), encoding.ids.size());
  EXPECT_LT(encoding.words[1], encoding.words[2]);
  EXPECT_LT(encoding.words[2], encoding.words[3]);
  EXPECT_TRUE(tokenizer->Encode("a b", {}).words.empty());
}

}  // namespace
}  // namespace bantam
