// A real trained model, small enough for a test: its golden text, and what a call may ask for.
#include "tasks/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/clock.h"
#include "base/json.h"
#include "base/testing.h"
#include "tasks/stories_model.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;
using testing::TempFolder;

class Stories : public ::testing::Test {
 protected:
  void SetUp() override {
    BANTAM_REQUIRE_DATA(folder, "weights-stories260k");
    auto bytes = testing::StoriesGguf(folder);
    ASSERT_OK(bytes);
    std::ofstream(temp_.path() / "stories.gguf", std::ios::binary) << *bytes;
    auto text = ReadFile(folder / "golden_greedy.json");
    ASSERT_OK(text);
    auto golden = ParseJson(*text, "golden_greedy.json");
    ASSERT_OK(golden);
    golden_ = *std::move(golden);
    generator_ = Load({});
    ASSERT_NE(generator_, nullptr);
  }

  std::unique_ptr<Generator> Load(const GenerationOptions& options) {
    auto generator =
        Generator::Load((temp_.path() / "stories.gguf").string(), {.weight_type = WeightType::kF32, .engine = options});
    EXPECT_OK(generator);
    return generator ? *std::move(generator) : nullptr;
  }

  TempFolder temp_;
  json::value golden_;
  std::unique_ptr<Generator> generator_;
};

TEST_F(Stories, GreedyTextIsTheGoldenOne) {
  // An empty prompt is the beginning of a text.
  ASSERT_OK_AND_ASSIGN(const auto texts,
                       generator_->Generate({.prompt = "", .sampling = {.temperature = 0}, .max_tokens = 256}));
  std::vector<int32_t> ids;
  for (const TokenChoice& token : texts[0].tokens) ids.push_back(token.id);
  std::vector<int32_t> expected;
  for (const json::value& id : golden_.at("greedy_ids").as_array()) expected.push_back(id.to_number<int32_t>());
  EXPECT_EQ(ids, expected);
  EXPECT_EQ(texts[0].text, std::string_view(golden_.at("text").as_string()));
  EXPECT_EQ(texts[0].end.reason, FinishReason::kLength);
  EXPECT_EQ(texts[0].end.summary.generated_tokens, 256);
}

TEST_F(Stories, LogProbabilitiesOfTheFirstStep) {
  ASSERT_OK_AND_ASSIGN(const auto texts, generator_->Generate({.prompt_ids = std::vector<int32_t>{1},
                                                               .sampling = {.temperature = 0, .top_logprobs = 5},
                                                               .max_tokens = 1}));
  const auto& top = texts[0].tokens[0].top;
  const json::array& logits = golden_.at("first_step_top5_logits").as_array();
  ASSERT_EQ(top.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(top[i].id, logits[i].at(0).to_number<int32_t>());
    const double below = logits[0].at(1).to_number<double>() - logits[i].at(1).to_number<double>();
    EXPECT_NEAR(top[0].logprob - top[i].logprob, below, 1e-3);
  }
}

TEST_F(Stories, StopStringsEndTheTextBeforeThem) {
  ASSERT_OK_AND_ASSIGN(const auto texts, generator_->Generate({.sampling = {.temperature = 0},
                                                               .max_tokens = 200,
                                                               .stop = {"never said", "red b", "park"}}));
  EXPECT_EQ(texts[0].text, "Once upon a time, there was a little girl named Lily. She loved to play outside in the ");
  EXPECT_EQ(texts[0].end.reason, FinishReason::kStop);
  EXPECT_EQ(texts[0].end.stop, "park");
}

TEST_F(Stories, TextsDoNotDependOnTheirCompany) {
  GenerateCall call{.prompt = "Once upon a time", .sampling = {.temperature = 0.9f, .seed = 5}, .max_tokens = 60};
  ASSERT_OK_AND_ASSIGN(const auto alone, generator_->Generate(call));
  // With others, in small steps, with a cache that is too small for all.
  const auto tight = Load({.num_threads = 2, .cache_tokens = 160, .max_batch_tokens = 7});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      GenerateCall other = call;
      if (i % 2 == 1) other.prompt = "The dog was very " + std::string(20, 'x');
      const auto texts = tight->Generate(other);
      EXPECT_OK(texts);
      if (i % 2 == 0 && texts) {
        EXPECT_EQ((*texts)[0].text, alone[0].text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // And the i-th of several texts is that of the seed i further.
  call.n = 3;
  ASSERT_OK_AND_ASSIGN(const auto three, generator_->Generate(call));
  EXPECT_EQ(three[0].text, alone[0].text);
  call.n = 1;
  call.sampling.seed = 7;
  ASSERT_OK_AND_ASSIGN(const auto third, generator_->Generate(call));
  EXPECT_EQ(three[2].text, third[0].text);
  EXPECT_NE(three[2].text, three[0].text);
}

// A trained model, whose text repeats itself: the rows of a draft give the bits that a token alone gives.
TEST_F(Stories, DraftsLeaveTheTextAsItIs) {
  const std::string path = (temp_.path() / "stories.gguf").string();
  struct Setting {
    SpeculationOptions speculation;
    bool draft = false;
  };
  const std::vector<Setting> settings = {{{.max_draft = 0}},
                                         {{}},
                                         {{.fixed_draft = 1}},
                                         {{.fixed_draft = 7}},
                                         {{.max_draft = 30, .fixed_draft = 30}},
                                         {{.lookup = false, .fixed_draft = 5}, true},
                                         {{}, true}};
  for (const WeightType type : {WeightType::kF32, WeightType::kBlocks}) {
    std::vector<std::vector<std::vector<int32_t>>> texts;
    for (const Setting& setting : settings) {
      const auto generator = Generator::Load(path, {.weight_type = type,
                                                    .engine = {.num_threads = 2,
                                                               .cache_tokens = 700,
                                                               .max_batch_tokens = 50,
                                                               .speculation = setting.speculation},
                                                    .draft = setting.draft ? path : ""});
      ASSERT_OK(generator);
      std::vector<GenerateCall> calls;
      for (unsigned i = 0; i < 12; ++i) {
        GenerateCall call{.prompt = i % 3 == 0 ? "Lily had a red ball. Tom had a red ball. Lily had a" : "One day",
                          .sampling = {.temperature = i % 4 == 0 ? 0 : 0.3f + 0.1f * static_cast<float>(i), .seed = i},
                          .max_tokens = 150,
                          .ignore_eos = true};
        if (i % 3 == 1) call.sampling.repetition_penalty = 1.2f;
        if (i % 5 == 2) call.sampling.top_p = 0.8f;
        if (i % 5 == 3) call.sampling.top_logprobs = 3;
        calls.push_back(call);
      }
      ASSERT_OK_AND_ASSIGN(const auto stream, (*generator)->Start(calls));
      std::vector<std::vector<int32_t>> ids(calls.size());
      int speculated = 0;
      while (true) {
        ASSERT_OK_AND_ASSIGN(const auto event, stream->Next());
        if (!event) break;
        for (const TokenChoice& token : event->tokens) ids[static_cast<size_t>(event->index)].push_back(token.id);
        if (event->end) speculated += event->end->summary.speculated_tokens;
      }
      if (setting.speculation.fixed_draft > 0) {
        EXPECT_GT(speculated, 0);
      }
      texts.push_back(std::move(ids));
      EXPECT_EQ(texts.back(), texts.front()) << WeightTypeName(type) << " fixed " << setting.speculation.fixed_draft;
    }
  }
}

TEST_F(Stories, ADraftModelMustHaveTheSameTokens) {
  const auto generator =
      Generator::Load((temp_.path() / "stories.gguf").string(), {.engine = {}, .draft = "src/models/golden/bert"});
  ASSERT_FALSE(generator);
  EXPECT_EQ(generator.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(generator.error().message, HasSubstr("draft model"));
}

TEST_F(Stories, AStreamMayBeCancelledOrLeft) {
  // So many that they are not all written by the time that this thread goes on.
  ASSERT_OK_AND_ASSIGN(auto stream, generator_->Start({.prompt = "One day", .ignore_eos = true, .n = 64}));
  ASSERT_OK_AND_ASSIGN(const auto first, stream->Next());
  EXPECT_FALSE(first->text.empty());
  stream->Cancel();
  Status status = Ok();
  while (status) {
    const auto event = stream->Next();
    if (!event) {
      status = event.error();
      break;
    }
    ASSERT_TRUE(event->has_value()) << "all ended before they were cancelled";
  }
  EXPECT_EQ(status.error().code, ErrorCode::kCancelled);
  ASSERT_OK_AND_ASSIGN(stream, generator_->Start({.prompt = "One day", .ignore_eos = true, .n = 3}));
  stream.reset();
  // The engine tells its figures anew after each step, a moment after the listeners heard the end.
  const MonotonicTime latest = MonotonicNow() + std::chrono::seconds(30);
  while (generator_->engine().Stats().running > 0 && MonotonicNow() < latest) std::this_thread::yield();
  EXPECT_EQ(generator_->engine().Stats().running, 0);
}

TEST_F(Stories, WhoReadsWholeTextsHearsTheSame) {
  const GenerateCall call{.prompt = "One day", .sampling = {.temperature = 0.9f, .seed = 7}, .max_tokens = 60, .n = 3};
  std::vector<std::vector<std::string>> pieces[2];
  for (const WakeAt wake : {WakeAt::kPiece, WakeAt::kEnd}) {
    std::vector<std::vector<std::string>>& of_text = pieces[static_cast<int>(wake)];
    of_text.resize(3);
    std::vector<MonotonicTime> latest(3, MonotonicNow());
    ASSERT_OK_AND_ASSIGN(const auto stream, generator_->Start(call, wake));
    while (true) {
      ASSERT_OK_AND_ASSIGN(const auto event, stream->Next());
      if (!event) break;
      const auto i = static_cast<size_t>(event->index);
      of_text[i].push_back(event->text);
      EXPECT_GE(event->at, latest[i]);
      latest[i] = event->at;
    }
  }
  EXPECT_EQ(pieces[0], pieces[1]);
  EXPECT_GT(pieces[0][0].size(), 10u);
  // Left in the middle: its end waits for the texts' own.
  ASSERT_OK_AND_ASSIGN(auto left, generator_->Start({.prompt = "One day", .ignore_eos = true, .n = 8}, WakeAt::kEnd));
  ASSERT_OK_AND_ASSIGN(const auto first, left->Next());
  EXPECT_FALSE(first->text.empty());
  left.reset();
}

TEST_F(Stories, RefusesWhatCanNeverRun) {
  const auto message = [&](const GenerateCall& call) {
    const auto stream = generator_->Start(call);
    EXPECT_FALSE(stream);
    return stream ? "" : stream.error().message;
  };
  EXPECT_THAT(message({.prompt = "a", .stop = {""}}), HasSubstr("\"stop\""));
  EXPECT_THAT(message({.prompt = "a", .n = 0}), HasSubstr("\"n\" is 0"));
  EXPECT_THAT(message({.prompt = "a", .sampling = {.temperature = -1}}), HasSubstr("temperature"));
  EXPECT_THAT(message({.prompt_ids = std::vector<int32_t>{512}}), HasSubstr("token id 512"));
  EXPECT_THAT(message({.prompt_ids = std::vector<int32_t>(512, 3)}), HasSubstr("512 tokens"));
}

TEST(Generator, AnEncoderGeneratesNothing) {
  const auto generator = Generator::Load("src/models/golden/bert", {});
  ASSERT_FALSE(generator);
  EXPECT_EQ(generator.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(generator.error().message, HasSubstr("known: llama"));
}

}  // namespace
}  // namespace bantam
