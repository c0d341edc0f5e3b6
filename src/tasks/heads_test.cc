// The tasks that heads make possible, from several threads and against deadlines. That their answers are the
// reference's is shown by tests/cli/test_tasks.py, on the same models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/testing.h"
#include "tasks/embed.h"
#include "tasks/fill_mask.h"
#include "tasks/question_answer.h"
#include "tasks/rerank.h"
#include "tasks/tag.h"
#include "tasks/zero_shot.h"

namespace bantam {
namespace {

const std::string kModels = "src/tasks/golden/models/";

Result<LoadedModel> LoadTiny(const std::string& name, EngineOptions engine = {}) {
  engine.num_threads = 2;
  return LoadModel(kModels + name, {.weight_type = WeightType::kF32, .engine = engine});
}

std::string Repeated(std::string_view word, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::string(word) + " ";
  return text;
}

TEST(Heads, AnswersAreTheSameFromManyThreadsInSmallBatches) {
  ASSERT_OK_AND_ASSIGN(const LoadedModel large, LoadTiny("classes"));
  ASSERT_OK_AND_ASSIGN(const LoadedModel small, LoadTiny("classes", {.max_batch_tokens = 24}));
  ASSERT_OK_AND_ASSIGN(const auto expected_from, Classifier::Create(large));
  ASSERT_OK_AND_ASSIGN(const auto classifier, Classifier::Create(small));
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) texts.push_back(Repeated("parcel", i % 9) + "refund " + std::to_string(i % 17));
  std::vector<TextInput> inputs;
  for (size_t i = 0; i < texts.size(); ++i) {
    inputs.push_back(
        {texts[i], i % 3 == 0 ? std::optional<std::string_view>(texts[texts.size() - 1 - i]) : std::nullopt});
  }
  ASSERT_OK_AND_ASSIGN(const auto expected, expected_from->Classify(inputs));
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 5; ++round) {
        const auto some = std::span(inputs).subspan(static_cast<size_t>(t) * 7, 12);
        const auto answers = classifier->Classify(some);
        if (!answers) {
          ++wrong;
          continue;
        }
        for (size_t i = 0; i < some.size(); ++i) {
          const auto& other = expected[static_cast<size_t>(t) * 7 + i];
          wrong += (*answers)[i].scores != other.scores || (*answers)[i].num_tokens != other.num_tokens;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Heads, TheOrderOfAPairMatters) {
  ASSERT_OK_AND_ASSIGN(const LoadedModel model, LoadTiny("classes"));
  EXPECT_TRUE(model.gives_types);
  ASSERT_OK_AND_ASSIGN(const auto classifier, Classifier::Create(model));
  const TextInput inputs[] = {{"parcel", "refund"}, {"refund", "parcel"}, {"parcel", "refund"}, {"parcel refund"}};
  ASSERT_OK_AND_ASSIGN(const auto answers, classifier->Classify(inputs));
  EXPECT_NE(answers[0].scores, answers[1].scores);
  EXPECT_EQ(answers[0].scores, answers[2].scores);
  EXPECT_NE(answers[0].scores, answers[3].scores);
  EXPECT_EQ(model.engine->Stats().repeated, 1u);
}

TEST(Heads, NoTextsAreNoAnswers) {
  ASSERT_OK_AND_ASSIGN(const LoadedModel classes, LoadTiny("classes"));
  ASSERT_OK_AND_ASSIGN(const auto classifier, Classifier::Create(classes));
  ASSERT_OK_AND_ASSIGN(const auto none, classifier->Classify({}));
  EXPECT_TRUE(none.empty());
  ASSERT_OK_AND_ASSIGN(const LoadedModel ranks, LoadTiny("rank_raw"));
  ASSERT_OK_AND_ASSIGN(const auto reranker, Reranker::Create(ranks));
  ASSERT_OK_AND_ASSIGN(const Ranking ranking, reranker->Rank("query", {}));
  EXPECT_TRUE(ranking.results.empty());
  ASSERT_OK_AND_ASSIGN(const LoadedModel names, LoadTiny("names"));
  ASSERT_OK_AND_ASSIGN(const auto tagger, Tagger::Create(names));
  const std::string_view empty[] = {""};
  ASSERT_OK_AND_ASSIGN(const auto tagged, tagger->Tag(empty));
  EXPECT_TRUE(tagged[0].spans.empty());
}

TEST(Heads, ADeadlineThatIsOverEndsTheCall) {
  const MonotonicTime past = MonotonicNow() - std::chrono::seconds(1);
  ASSERT_OK_AND_ASSIGN(const LoadedModel classes, LoadTiny("classes"));
  ASSERT_OK_AND_ASSIGN(const auto classifier, Classifier::Create(classes));
  const TextInput texts[] = {{"parcel"}};
  EXPECT_EQ(classifier->Classify(texts, {.deadline = past}).error().code, ErrorCode::kDeadline);
  ASSERT_OK_AND_ASSIGN(const LoadedModel names, LoadTiny("names"));
  ASSERT_OK_AND_ASSIGN(const auto tagger, Tagger::Create(names));
  const std::string_view views[] = {"Ada"};
  EXPECT_EQ(tagger->Tag(views, {.deadline = past}).error().code, ErrorCode::kDeadline);
  ASSERT_OK_AND_ASSIGN(const LoadedModel masked, LoadTiny("masked"));
  ASSERT_OK_AND_ASSIGN(const auto filler, MaskFiller::Create(masked));
  const std::string_view holes[] = {"a [MASK]"};
  EXPECT_EQ(filler->Fill(holes, {.deadline = past}).error().code, ErrorCode::kDeadline);
}

TEST(Heads, TasksOfOneModelShareItsEngine) {
  ASSERT_OK_AND_ASSIGN(const LoadedModel model, LoadTiny("masked"));
  ASSERT_OK_AND_ASSIGN(const auto filler, MaskFiller::Create(model));
  ASSERT_OK_AND_ASSIGN(const auto embedder, Embedder::Create(model, nullptr));
  const std::string_view holes[] = {"where is my [MASK]?"};
  ASSERT_OK(filler->Fill(holes));
  ASSERT_OK(embedder->Embed("where is my parcel?"));
  EXPECT_EQ(model.engine->Stats().requests, 2u);
  EXPECT_EQ(embedder->Stats().requests, 2u);
  EXPECT_EQ(filler->mask(), "[MASK]");
}

TEST(Heads, EachTaskRefusesTheOthersModels) {
  ASSERT_OK_AND_ASSIGN(const LoadedModel classes, LoadTiny("classes"));
  ASSERT_OK_AND_ASSIGN(const LoadedModel masked, LoadTiny("masked"));
  for (const Error& error : {Tagger::Create(classes).error(), QuestionAnswerer::Create(classes).error(),
                             MaskFiller::Create(classes).error(), Reranker::Create(classes).error()}) {
    EXPECT_EQ(error.code, ErrorCode::kUnsupported);
    EXPECT_THAT(error.message, ::testing::HasSubstr("use bantam classify"));
  }
  EXPECT_THAT(Classifier::Create(masked).error().message, ::testing::HasSubstr("use bantam fill-mask"));
  EXPECT_EQ(ZeroShotClassifier::Create(classes).error().code, ErrorCode::kInvalidArgument);
}

TEST(Heads, UserTextIsNeverASpecialToken) {
  ASSERT_OK_AND_ASSIGN(const LoadedModel model, LoadTiny("classes"));
  ASSERT_OK_AND_ASSIGN(const TextSequence sequence, MakeSequence(model, {"[SEP] [CLS]", "[SEP]"}));
  const int32_t sep = model.tokenizer->TokenId("[SEP]");
  EXPECT_EQ(std::count(sequence.ids.begin(), sequence.ids.end(), sep), 2);
  EXPECT_EQ(sequence.ids.size(), sequence.types.size());
}

TEST(Heads, LabelsOfOnesOwnAreCutOffTheText) {
  ASSERT_OK_AND_ASSIGN(const LoadedModel model, LoadTiny("inference"));
  ASSERT_OK_AND_ASSIGN(const auto zero_shot, ZeroShotClassifier::Create(model));
  EXPECT_EQ(zero_shot->entailment(), "entailment");
  const std::string texts[] = {Repeated("parcel", 200), "parcel"}, labels[] = {"delivery", "praise"};
  ASSERT_OK_AND_ASSIGN(const auto answers, zero_shot->Classify(texts, labels));
  EXPECT_TRUE(answers[0].truncated);
  EXPECT_FALSE(answers[1].truncated);
  EXPECT_EQ(answers[0].num_tokens, 2u * 64);
  EXPECT_NEAR(answers[1].scores[0] + answers[1].scores[1], 1, 1e-5);
}

}  // namespace
}  // namespace bantam
