// Heads through the C interface, against the tasks they stand on; that these are the reference's, tests/cli shows.
#include <gmock/gmock.h>

#include "capi/testing/handles.h"
#include "tasks/classify.h"
#include "tasks/rerank.h"
#include "tasks/tag.h"

namespace bantam::capi {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using TagsHandle = std::unique_ptr<bantam_tags, FreeWith<bantam_tags_free>>;

const std::string kModels = "src/tasks/golden/models/";

ModelHandle LoadHead(const std::string& name) {
  const bantam_model_options options{.struct_size = sizeof options, .task = BANTAM_TASK_HEAD};
  ModelHandle model;
  EXPECT_EQ(bantam_model_load((kModels + name).c_str(), &options, Out(model)), BANTAM_OK) << bantam_last_error();
  return model;
}
Result<LoadedModel> LoadInCpp(const std::string& name) {
  return bantam::LoadModel(kModels + name, {.weight_type = WeightType::kF32, .num_threads = 1});
}

TEST(CHeads, SayWhatTheyAre) {
  const ModelHandle model = LoadHead("classes");
  ASSERT_OK_AND_ASSIGN(const LoadedModel expected, LoadInCpp("classes"));
  const bantam_model_info* info = bantam_model_describe(model.get());
  EXPECT_STREQ(info->head, "sequence classification");
  ASSERT_EQ(info->num_labels, expected.head->labels().size());
  for (size_t i = 0; i < info->num_labels; ++i) EXPECT_EQ(info->labels[i], expected.head->labels()[i]);
  EXPECT_EQ(info->multi_label, 0);
  EXPECT_EQ(bantam_model_describe(LoadHead("multi_label").get())->multi_label, 1);
  EXPECT_GT(bantam_tokenizer_vocab_size(bantam_model_tokenizer(model.get())), 0);
}

TEST(CHeads, Classify) {
  const ModelHandle model = LoadHead("classes");
  ASSERT_OK_AND_ASSIGN(const LoadedModel loaded, LoadInCpp("classes"));
  ASSERT_OK_AND_ASSIGN(const auto classifier, Classifier::Create(loaded));
  const TextInput texts[] = {{"parcel refund"}, {"parcel", "refund"}};
  const bantam_input inputs[] = {{{"parcel refund", 13}, {nullptr, 0}},
                                 {{"parcel", BANTAM_C_STRING}, {"refund", BANTAM_C_STRING}}};
  ASSERT_OK_AND_ASSIGN(const auto expected, classifier->Classify(texts));
  const size_t num_labels = bantam_model_describe(model.get())->num_labels;
  std::vector<float> scores(2 * num_labels);
  bantam_text_info infos[2];
  ASSERT_EQ(bantam_model_classify(model.get(), inputs, 2, nullptr, scores.data(), scores.size(), infos), BANTAM_OK)
      << bantam_last_error();
  for (size_t i = 0; i < 2; ++i) {
    const auto row = std::span(scores).subspan(i * num_labels, num_labels);
    EXPECT_THAT(row, ::testing::ElementsAreArray(expected[i].scores));
    EXPECT_EQ(infos[i].num_tokens, expected[i].num_tokens);
  }
  const bantam_classify_options raw{.struct_size = sizeof raw, .function = BANTAM_SCORE_NONE};
  ASSERT_OK_AND_ASSIGN(const auto logits, classifier->Classify(texts, {.function = ScoreFunction::kNone}));
  ASSERT_EQ(bantam_model_classify(model.get(), inputs, 2, &raw, scores.data(), scores.size(), nullptr), BANTAM_OK);
  EXPECT_THAT(std::span(scores).first(num_labels), ::testing::ElementsAreArray(logits[0].scores));
  EXPECT_ERROR(bantam_model_classify(model.get(), inputs, 2, nullptr, scores.data(), scores.size() - 1, nullptr),
               BANTAM_INVALID_ARGUMENT, "\"scores\" has room for");
  const bantam_input wrong[] = {{{"ok", 2}, {"\xff", 1}}};
  EXPECT_ERROR(bantam_model_classify(model.get(), wrong, 1, nullptr, scores.data(), scores.size(), nullptr),
               BANTAM_INVALID_ARGUMENT, "\"inputs[0].pair\" is not UTF-8");
}

TEST(CHeads, Rerank) {
  const ModelHandle model = LoadHead("rank_sigmoid");
  ASSERT_OK_AND_ASSIGN(const LoadedModel loaded, LoadInCpp("rank_sigmoid"));
  ASSERT_OK_AND_ASSIGN(const auto reranker, Reranker::Create(loaded));
  const std::string_view texts[] = {"the parcel is late", "opening hours", "a refund for the parcel"};
  const bantam_text documents[] = {
      {texts[0].data(), texts[0].size()}, {texts[1].data(), texts[1].size()}, {texts[2].data(), texts[2].size()}};
  ASSERT_OK_AND_ASSIGN(const Ranking expected, reranker->Rank("where is my parcel", texts));
  bantam_document results[3];
  size_t count = 0;
  const auto rank = [&](const bantam_rerank_options* options, size_t capacity) {
    return bantam_model_rerank(model.get(), "where is my parcel", BANTAM_C_STRING, documents, 3, options, results,
                               capacity, &count);
  };
  ASSERT_EQ(rank(nullptr, 3), BANTAM_OK) << bantam_last_error();
  ASSERT_EQ(count, 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(results[i].index, expected.results[i].index);
    EXPECT_EQ(results[i].score, expected.results[i].score);
    EXPECT_EQ(results[i].num_tokens, expected.results[i].num_tokens);
  }
  const bantam_rerank_options top{.struct_size = sizeof top, .top_n = 1};
  ASSERT_EQ(rank(&top, 1), BANTAM_OK);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(results[0].index, expected.results[0].index);
  EXPECT_ERROR(rank(nullptr, 2), BANTAM_INVALID_ARGUMENT, "room for 2, there will be 3");
}

TEST(CHeads, Tag) {
  const ModelHandle model = LoadHead("names");
  ASSERT_OK_AND_ASSIGN(const LoadedModel loaded, LoadInCpp("names"));
  ASSERT_OK_AND_ASSIGN(const auto tagger, Tagger::Create(loaded));
  const std::string text =
      "Gr\xc3\xbc\xc3\x9f"
      "e parcel refund hours";
  const std::string_view texts[] = {text};
  TagOptions all{.aggregation = Aggregation::kNone, .ignored_labels = {}};
  ASSERT_OK_AND_ASSIGN(const auto expected, tagger->Tag(texts, all));
  ASSERT_FALSE(expected[0].spans.empty());
  bantam_tag_options options{
      .struct_size = sizeof options, .aggregation = BANTAM_AGGREGATION_NONE, .code_points = 1, .keep_outside = 1};
  TagsHandle tags;
  ASSERT_EQ(bantam_model_tag(model.get(), text.data(), text.size(), &options, Out(tags)), BANTAM_OK);
  ASSERT_EQ(tags->num_spans, expected[0].spans.size());
  EXPECT_EQ(tags->num_windows, 1u);
  for (size_t i = 0; i < tags->num_spans; ++i) {
    const TaggedSpan& span = expected[0].spans[i];
    EXPECT_EQ(tags->spans[i].label, span.label);
    EXPECT_EQ(tags->spans[i].word, span.word);
    EXPECT_EQ(tags->spans[i].begin, span.begin);
    EXPECT_EQ(tags->spans[i].end, span.end);
    EXPECT_EQ(tags->spans[i].score, span.score);
  }
  options.code_points = 0;
  TagsHandle bytes;
  ASSERT_EQ(bantam_model_tag(model.get(), text.data(), text.size(), &options, Out(bytes)), BANTAM_OK);
  EXPECT_EQ(bytes->spans[bytes->num_spans - 1].end, text.size());
  EXPECT_EQ(tags->spans[tags->num_spans - 1].end, text.size() - 2);  // two letters of two bytes
}

TEST(CHeads, WhatAModelIsNotGoodForItSays) {
  const ModelHandle classes = LoadHead("classes");
  TagsHandle tags;
  EXPECT_ERROR(bantam_model_tag(classes.get(), "a", 1, nullptr, Out(tags)), BANTAM_UNSUPPORTED,
               "no token-classification head");
  float vector[4];
  EXPECT_ERROR(bantam_model_embed(classes.get(), "a", 1, nullptr, vector, 4, nullptr), BANTAM_UNSUPPORTED,
               "load it with task = BANTAM_TASK_EMBED");
  const bantam_assistant_options options{.struct_size = sizeof options, .model = classes.get()};
  AssistantHandle assistant;
  EXPECT_ERROR(bantam_assistant_load("examples/embedded/home.yaml", &options, Out(assistant)), BANTAM_UNSUPPORTED,
               "BANTAM_TASK_EMBED");
  ModelHandle embeds;
  ASSERT_EQ(bantam_model_load((kModels + "names").c_str(), nullptr, Out(embeds)), BANTAM_OK) << bantam_last_error();
  EXPECT_ERROR(bantam_model_tag(embeds.get(), "a", 1, nullptr, Out(tags)), BANTAM_UNSUPPORTED,
               "load it with task = BANTAM_TASK_HEAD");
  const bantam_model_options wrong{.struct_size = sizeof wrong, .task = static_cast<bantam_task>(9)};
  EXPECT_ERROR(bantam_model_load((kModels + "names").c_str(), &wrong, Out(embeds)), BANTAM_INVALID_ARGUMENT,
               "task is 9");
}

}  // namespace
}  // namespace bantam::capi
