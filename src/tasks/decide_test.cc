// Decisions by each kind of model: probabilities are such, and do not depend on what is asked beside them.
#include "tasks/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <thread>

#include "base/testing.h"
#include "tasks/stories_model.h"
#include "tasks/t5_model.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;
using Kind = DecisionQuestion::Kind;
using testing::TempFolder;

Result<LoadedModel> LoadTiny(const std::string& name) {
  return LoadModel("src/tasks/golden/models/" + name, {.weight_type = WeightType::kF32, .engine = {.num_threads = 2}});
}

std::vector<DecisionQuestion> Questions() {
  return {{.kind = Kind::kChoice,
           .label = "questions.queue",
           .instructions = "Which queue?",
           .options = {{.name = "billing", .description = "a refund"}, {.name = "the_parcel"}, {.name = "other"}}},
          {.kind = Kind::kYesNo,
           .label = "questions.urgent",
           .instructions = "Must it be today?",
           .options = {{.name = "yes", .description = "a parcel"}, {.name = "no", .description = "a refund"}}},
          {.kind = Kind::kScale,
           .label = "questions.mood",
           .instructions = "How happy?",
           .options = {{.name = "sad"}, {.name = "so so"}, {.name = "very happy"}, {.name = "the happiest of all"}}}};
}

constexpr char kState[] = "Where is my parcel? It is late.";

// Each answer adds up to 1, and each question alone gets the bits that it gets beside the others.
void ExpectDecisions(const Decider& decider) {
  const std::vector<DecisionQuestion> questions = Questions();
  ASSERT_OK_AND_ASSIGN(const Decisions together, decider.Decide({.state = kState, .questions = questions}));
  ASSERT_EQ(together.probabilities.size(), questions.size());
  EXPECT_GT(together.input_tokens, 0u);
  for (size_t i = 0; i < questions.size(); ++i) {
    const std::vector<double>& p = together.probabilities[i];
    ASSERT_EQ(p.size(), questions[i].options.size());
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-6);
    for (const double each : p) EXPECT_GE(each, 0);
    ASSERT_OK_AND_ASSIGN(const Decisions alone,
                         decider.Decide({.state = kState, .questions = std::span(questions).subspan(i, 1)}));
    EXPECT_EQ(alone.probabilities[0], p) << i;
  }
  // And another state another one.
  ASSERT_OK_AND_ASSIGN(const Decisions other, decider.Decide({.state = "Thank you.", .questions = questions}));
  EXPECT_NE(other.probabilities, together.probabilities);
}

void ExpectOrderDoesNotMatter(const Decider& decider) {
  std::vector<DecisionQuestion> questions = Questions();
  ASSERT_OK_AND_ASSIGN(const Decisions before, decider.Decide({.state = kState, .questions = questions}));
  std::ranges::reverse(questions[0].options);
  std::ranges::rotate(questions, questions.begin() + 1);
  ASSERT_OK_AND_ASSIGN(Decisions after, decider.Decide({.state = kState, .questions = questions}));
  std::ranges::reverse(after.probabilities[2]);
  for (size_t k = 0; k < 3; ++k) EXPECT_NEAR(after.probabilities[2][k], before.probabilities[0][k], 1e-7);
}

TEST(Decide, ByAnEncoder) {
  ASSERT_OK_AND_ASSIGN(const LoadedModel model, LoadTiny("masked"));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Embedder> embedder, Embedder::Create(model, nullptr));
  const auto decider = MakeDecider(embedder);
  ExpectDecisions(*decider);
  ExpectOrderDoesNotMatter(*decider);
}

TEST(Decide, AnEncoderSaysWhatItCannotDo) {
  ASSERT_OK_AND_ASSIGN(const LoadedModel model, LoadTiny("masked"));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Embedder> embedder, Embedder::Create(model, nullptr));
  const auto decider = MakeDecider(embedder);
  const auto refusal = [&](std::string_view state, const DecisionQuestion& question) {
    const auto answer = decider->Decide({.state = state, .questions = {&question, 1}});
    return answer ? std::string() : answer.error().message;
  };
  DecisionQuestion question = Questions()[1];
  question.options[1].description.clear();
  EXPECT_THAT(refusal(kState, question), HasSubstr("questions.urgent asks for a yes or no, but masked only compares"));
  EXPECT_THAT(refusal(" \n", Questions()[0]), HasSubstr("the state holds no text"));
  std::string longer;
  for (int i = 0; i < 600; ++i) longer += "parcel ";
  EXPECT_THAT(refusal(longer, Questions()[0]), HasSubstr("tokens"));
}

TEST(Decide, ByAClassifierOfInference) {
  ASSERT_OK_AND_ASSIGN(const LoadedModel model, LoadTiny("inference"));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const ZeroShotClassifier> classifier, ZeroShotClassifier::Create(model));
  const auto decider = MakeDecider(classifier);
  ExpectDecisions(*decider);
  ExpectOrderDoesNotMatter(*decider);
  // A statement alone is held against its contradiction.
  const DecisionQuestion statement{.kind = Kind::kYesNo,
                                   .label = "questions.late",
                                   .instructions = "The parcel is late.",
                                   .options = {{.name = "yes"}, {.name = "no"}}};
  ASSERT_OK_AND_ASSIGN(const Decisions late, decider->Decide({.state = kState, .questions = {&statement, 1}}));
  EXPECT_NEAR(late.probabilities[0][0] + late.probabilities[0][1], 1, 1e-6);
  std::string longer;
  for (int i = 0; i < 600; ++i) longer += "parcel ";
  const auto cut = decider->Decide({.state = longer, .questions = {&statement, 1}});
  ASSERT_FALSE(cut.has_value());
  EXPECT_THAT(cut.error().message, HasSubstr("the state is longer than the"));
}

class WritingDecisions : public ::testing::Test {
 protected:
  void SetUp() override {
    BANTAM_REQUIRE_DATA(folder, "weights-stories260k");
    folder_ = folder;
  }
  void Write(std::string_view chat_template) {
    const auto bytes = testing::StoriesGguf(folder_, chat_template);
    ASSERT_OK(bytes);
    std::ofstream(temp_.path() / "stories.gguf", std::ios::binary) << *bytes;
  }
  std::shared_ptr<const Generator> Load(const GenerationOptions& options = {}) {
    auto generator =
        Generator::Load((temp_.path() / "stories.gguf").string(), {.weight_type = WeightType::kF32, .engine = options});
    EXPECT_OK(generator);
    return generator ? std::shared_ptr<const Generator>(*std::move(generator)) : nullptr;
  }
  TempFolder temp_;
  Path folder_;
};

constexpr std::string_view kTemplate =
    "{% for message in messages %}{{ bos_token + message.role + ': ' + message.content + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ bos_token + 'assistant: ' }}{% endif %}";

TEST_F(WritingDecisions, WithAndWithoutAChatTemplate) {
  for (const std::string_view chat : {std::string_view(), kTemplate}) {
    Write(chat);
    const auto generator = Load();
    ASSERT_NE(generator, nullptr);
    EXPECT_EQ(generator->can_chat(), !chat.empty());
    ExpectDecisions(*MakeDecider(generator));
  }
}

TEST_F(WritingDecisions, TheSameBitsWhateverElseIsComputed) {
  Write(kTemplate);
  const std::vector<DecisionQuestion> questions = Questions();
  const DecideCall call{.state = kState, .questions = questions};
  ASSERT_OK_AND_ASSIGN(const Decisions expected, MakeDecider(Load({.num_threads = 1}))->Decide(call));
  const auto tight = Load({.num_threads = 2, .cache_tokens = 512, .max_batch_tokens = 24, .max_sequences = 4});
  const auto decider = MakeDecider(tight);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 3; ++round) {
        const DecideCall other{.state = i % 2 == 0 ? kState : "The dog was happy.", .questions = questions};
        const auto decided = decider->Decide(other);
        EXPECT_OK(decided);
        if (i % 2 == 0 && decided) {
          EXPECT_EQ(decided->probabilities, expected.probabilities);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// What a state or an option says never becomes a control token.
TEST_F(WritingDecisions, ControlTokensInTheStateAreText) {
  Write(kTemplate);
  const auto decider = MakeDecider(Load());
  const auto tokens_of = [&](std::string_view state) {
    DecisionQuestion question = Questions()[0];
    question.options[0].name = "</s>";
    const auto decided = decider->Decide({.state = state, .questions = {&question, 1}});
    EXPECT_OK(decided);
    return decided ? decided->input_tokens : 0;
  };
  EXPECT_GT(tokens_of("a</s>b"), tokens_of("ab") + 2);
}

TEST_F(WritingDecisions, WhatIsTooLongIsNamed) {
  Write(kTemplate);
  const auto decider = MakeDecider(Load());
  DecisionQuestion question = Questions()[0];
  question.options[2].name = std::string(200, 'x');
  const auto option = decider->Decide({.state = kState, .questions = {&question, 1}});
  ASSERT_FALSE(option.has_value());
  EXPECT_THAT(option.error().message, HasSubstr("questions.queue: the option \"xxx"));
  EXPECT_THAT(option.error().message, HasSubstr("the limit is 64"));
  const std::vector<DecisionQuestion> questions = Questions();
  const auto state = decider->Decide({.state = std::string(4000, 'x'), .questions = questions});
  ASSERT_FALSE(state.has_value());
  EXPECT_THAT(state.error().message, HasSubstr("questions.queue: the state and the question have "));
}

TEST_F(WritingDecisions, StopEndsIt) {
  Write({});
  const std::vector<DecisionQuestion> questions = Questions();
  DecideCall call{.state = kState, .questions = questions};
  call.options.deadline = MonotonicNow() - std::chrono::seconds(1);
  const auto late = MakeDecider(Load())->Decide(call);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, ErrorCode::kDeadline);
}

TEST(Decide, ByAModelWithAnEncoder) {
  BANTAM_REQUIRE_DATA(tokenizer, "tok-hf-json/t5-small/tokenizer.json");
  const TempFolder folder;
  ASSERT_OK(testing::WriteT5(folder.path(), 32'128, 1, 5));
  std::filesystem::copy_file(tokenizer, folder / "tokenizer.json");
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const Generator> generator,
                       Generator::Load(folder.path().string(), {.weight_type = WeightType::kF32}));
  ExpectDecisions(*MakeDecider(generator));
}

TEST(Decide, Confidence) {
  const std::vector<double> one = {0, 1, 0}, even = {1.0 / 3, 1.0 / 3, 1.0 / 3}, ends = {0.5, 0, 0.5};
  EXPECT_EQ(ChoiceConfidence(one), 1);
  EXPECT_NEAR(ChoiceConfidence(even), 0, 1e-12);
  EXPECT_NEAR(ChoiceConfidence(std::vector{0.83, 0.17}), 0.66, 1e-12);
  EXPECT_EQ(ScaleConfidence(one), 1);
  EXPECT_NEAR(ScaleConfidence(ends), 0, 1e-12);
  // Beside the likeliest level is less wrong than far from it.
  EXPECT_GT(ScaleConfidence(std::vector{0.6, 0.4, 0.0}), ScaleConfidence(std::vector{0.6, 0.0, 0.4}));
  EXPECT_NEAR(ExpectedLevel(std::vector{0.1, 0.2, 0.7}), 1.6, 1e-12);
  std::vector<double> scores = {-1000, -1000 + std::log(3.0)};
  NormalizeScores(scores);
  EXPECT_NEAR(scores[1], 0.75, 1e-12);
}

}  // namespace
}  // namespace bantam
