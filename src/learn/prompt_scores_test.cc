// The log probabilities of a prompt are those that the same model gives token by token, whatever its length is cut
// into.
#include "learn/prompt_scores.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/testing.h"
#include "files/model_folder.h"
#include "learn/decoder_pass.h"

namespace bantam {
namespace {

class PromptScores : public ::testing::Test {
 protected:
  void SetUp() override {
    auto model = OpenModel("src/models/golden/decoders/llama");
    ASSERT_OK(model);
    auto decoder = LoadDecoder(*model, {.weight_type = WeightType::kF32});
    ASSERT_OK(decoder);
    decoder_ = *std::move(decoder);
    for (int i = 0; i < 75; ++i) ids_.push_back((i * 37 + 11) % decoder_->vocab_size());
  }
  std::unique_ptr<Decoder> decoder_;
  std::vector<int32_t> ids_;
};

TEST_F(PromptScores, AreThoseOfEachTokenAlone) {
  ASSERT_OK_AND_ASSIGN(const auto scores, ScorePrompt(*decoder_, ids_, {.top = 4, .num_threads = 2}));
  ASSERT_EQ(scores.size(), ids_.size() - 1);
  ThreadPool pool(1);
  ASSERT_OK_AND_ASSIGN(DecoderPass pass, DecoderPass::Create(*decoder_, pool, static_cast<int>(ids_.size())));
  for (size_t i = 0; i + 1 < ids_.size(); ++i) {
    const std::span<float> row = pass.Next(std::span(ids_).subspan(i, 1), static_cast<int>(i), 1);
    std::vector<float> logits(row.begin(), row.end());
    Sampler sampler({.temperature = 0, .top_logprobs = 4}, {});
    ASSERT_OK_AND_ASSIGN(const TokenChoice told, sampler.Sample(logits));
    EXPECT_EQ(scores[i].id, ids_[i + 1]);
    ASSERT_EQ(scores[i].top.size(), 4u);
    for (size_t k = 0; k < 4; ++k) {
      EXPECT_EQ(scores[i].top[k].id, told.top[k].id) << i;
      EXPECT_NEAR(scores[i].top[k].logprob, told.top[k].logprob, 1e-4) << i;
    }
    for (const TokenLogprob& each : told.top) {
      if (each.id != ids_[i + 1]) continue;
      EXPECT_NEAR(scores[i].logprob, each.logprob, 1e-4);
    }
  }
}

TEST_F(PromptScores, ProbabilitiesAddUpToOne) {
  const int vocab = decoder_->vocab_size();
  ASSERT_OK_AND_ASSIGN(const auto scores, ScorePrompt(*decoder_, std::span(ids_).first(3), {.top = vocab}));
  ASSERT_EQ(scores.size(), 2u);
  double sum = 0;
  for (const TokenLogprob& each : scores[1].top) sum += std::exp(static_cast<double>(each.logprob));
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_TRUE(std::ranges::is_sorted(scores[1].top, std::greater(), &TokenLogprob::logprob));
}

TEST_F(PromptScores, EndEarly) {
  ASSERT_OK_AND_ASSIGN(const auto none, ScorePrompt(*decoder_, std::span(ids_).first(1), {}));
  EXPECT_TRUE(none.empty());
  int asked = 0;
  const auto stopped = ScorePrompt(*decoder_, ids_, {.stop = [&] { return ++asked == 2; }});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(asked, 2);
  const auto late = ScorePrompt(*decoder_, ids_, {.deadline = MonotonicNow() - std::chrono::seconds(1)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kDeadline);
}

}  // namespace
}  // namespace bantam
