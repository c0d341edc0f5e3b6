// GenerationLoop: how probable continuations of a prompt are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/logits.h"
#include "engine/testing_loop.h"

namespace bantam {
namespace {

using testing::Bench;
using testing::FakeDecoder;
using testing::Prompt;
using testing::Recorder;
using testing::TextOf;

// By the definition: one token after the other, alone.
std::vector<double> LogprobsOf(const FakeDecoder& decoder, const GenerationRequest& request) {
  size_t longest = 0;
  for (const auto& continuation : request.continuations) longest = std::max(longest, continuation.size());
  const size_t length = request.prompt_ids.size() + (decoder.start ? 1 : 0) + longest - 1;
  std::vector<double> logprobs;
  for (const auto& continuation : request.continuations) {
    std::vector<int32_t> tokens;
    const auto add = [&](int32_t id) {
      tokens.push_back(FakeDecoder::Seen(id, request.adapters) + decoder.Form(static_cast<int>(length)));
    };
    for (const int32_t id : request.prompt_ids) add(id);
    if (decoder.start) add(*decoder.start);
    double first = 0, rest = 0;
    for (size_t i = 0; i < continuation.size(); ++i) {
      std::vector<float> logits(static_cast<size_t>(decoder.vocab_size()));
      decoder.LogitsAfter(tokens, logits);
      const auto sum = LogSumExp(logits);
      EXPECT_OK(sum);
      (i == 0 ? first : rest) += static_cast<double>(logits[static_cast<size_t>(continuation[i])]) - *sum;
      add(continuation[i]);
    }
    logprobs.push_back(first + rest);
  }
  return logprobs;
}

// Many requests, of which some write, through caches and budgets of all sizes: every number has the bits that it has
// alone, no step is above the budget, and all blocks come back.
void ExpectEachIsWhatItIsAlone(Bench& bench, const LoopOptions& options, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<GenerationRequest> requests;
  std::vector<Recorder> recorders(40);
  for (unsigned i = 0; i < recorders.size(); ++i) {
    GenerationRequest request;
    request.prompt_ids = Prompt(1 + random() % 90, i % 3);  // many begin alike
    request.priority = static_cast<int>(i / 9 % 2);
    request.key = std::string(1, static_cast<char>('a' + i % 4));
    request.listener = &recorders[i];
    if (i % 5 == 2 && !bench.decoder.start) request.adapters = {{nullptr, 2}};
    if (i % 4 == 3) {
      request.sampling = {.temperature = 0.7f, .seed = i};
      request.max_tokens = 1 + static_cast<int>(random() % 60);
    } else {
      const int longest = options.max_batch_tokens <= options.max_sequences ? 2 : 9;
      for (unsigned k = 1 + random() % 12; k > 0; --k) {
        request.continuations.push_back(Prompt(1 + random() % static_cast<unsigned>(longest), random() % 5));
      }
    }
    requests.push_back(request);
    bench.loop.Add(i, request);
    for (unsigned steps = random() % 4; steps > 0; --steps) bench.loop.Step();
  }
  while (bench.loop.Step()) {
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    ASSERT_TRUE(recorders[i].result.has_value()) << i;
    ASSERT_OK(*recorders[i].result);
    const GenerationSummary& summary = **recorders[i].result;
    if (requests[i].continuations.empty()) {
      EXPECT_EQ(recorders[i].tokens, TextOf(bench.decoder, requests[i])) << i;
      EXPECT_TRUE(summary.logprobs.empty());
      continue;
    }
    EXPECT_EQ(summary.logprobs, LogprobsOf(bench.decoder, requests[i])) << i;
    EXPECT_TRUE(recorders[i].tokens.empty());
    EXPECT_EQ(summary.generated_tokens, 0);
    EXPECT_EQ(summary.prompt_tokens, static_cast<int>(requests[i].prompt_ids.size()));
  }
  if (!bench.decoder.start) {  // else a prompt is read at once, whatever the budget
    EXPECT_LE(bench.decoder.largest_batch, options.max_batch_tokens);
  }
  const GenerationStats& stats = bench.loop.Stats();
  EXPECT_EQ(stats.free_blocks, options.num_blocks);
  EXPECT_EQ(stats.requests, recorders.size());
  EXPECT_EQ(stats.running + stats.waiting, 0);
  EXPECT_EQ(options.num_blocks < 10, stats.preemptions > 0) << options.num_blocks;
}

TEST(GenerationBranches, EveryNumberIsWhatItIsAlone) {
  for (const LoopOptions& options :
       {LoopOptions{.num_blocks = 8, .max_batch_tokens = 16, .max_sequences = 5},
        LoopOptions{.num_blocks = 7, .max_batch_tokens = 200, .max_sequences = 16},
        LoopOptions{.num_blocks = 64, .max_batch_tokens = 3, .max_sequences = 3},
        LoopOptions{.num_blocks = 200, .max_batch_tokens = 64, .max_sequences = 40},
        LoopOptions{.num_blocks = 9, .max_batch_tokens = 40, .max_sequences = 20, .prefix_cache = false}}) {
    for (const int draft_sees : {-1, 0}) {
      Bench bench(options, 1000, 0, draft_sees);
      ExpectEachIsWhatItIsAlone(bench, options, static_cast<unsigned>(options.num_blocks));
    }
  }
}

// Positions of long sequences: those of a prompt follow from the longest of its continuations.
TEST(GenerationBranches, LongFormAndEncoders) {
  const LoopOptions options{.num_blocks = 40, .max_batch_tokens = 128, .max_sequences = 20};
  {
    Bench bench(options);
    bench.decoder.original = 50;
    ExpectEachIsWhatItIsAlone(bench, options, 3);
  }
  Bench bench(options);
  bench.decoder.start = 7;
  ExpectEachIsWhatItIsAlone(bench, options, 4);
}

TEST(GenerationBranches, ThePromptIsComputedOnce) {
  Bench bench({.num_blocks = 40, .max_batch_tokens = 256, .max_sequences = 8});
  Recorder recorder;
  GenerationRequest request{.prompt_ids = Prompt(90, 1), .sampling = {}, .listener = &recorder};
  for (unsigned i = 0; i < 10; ++i) request.continuations.push_back(Prompt(1 + i % 3, i));
  bench.loop.Add(1, request);
  while (bench.loop.Step()) {
  }
  ASSERT_OK(*recorder.result);
  EXPECT_EQ(bench.decoder.num_steps, 2);
  // 90 of the prompt; of the continuations all tokens but the last.
  EXPECT_EQ(bench.loop.Stats().prompt_tokens, 90u + 3 * 1 + 3 * 2);
}

TEST(GenerationBranches, OtherQuestionsOfAStateFindIt) {
  Bench bench({.num_blocks = 60, .max_batch_tokens = 256, .max_sequences = 8});
  std::vector<Recorder> recorders(3);
  for (unsigned i = 0; i < recorders.size(); ++i) {
    GenerationRequest request{.prompt_ids = Prompt(96, 1), .sampling = {}, .listener = &recorders[i]};
    request.prompt_ids.push_back(static_cast<int32_t>(i));
    request.continuations = {{1}, {2, 3}};
    bench.loop.Add(i, request);
  }
  while (bench.loop.Step()) {
  }
  for (const Recorder& recorder : recorders) ASSERT_OK(*recorder.result);
  EXPECT_EQ((*recorders[0].result)->cached_tokens, 0);
  EXPECT_EQ((*recorders[1].result)->cached_tokens, 96);
  EXPECT_EQ((*recorders[2].result)->cached_tokens, 96);
}

TEST(GenerationBranches, CancelledAtAnyStepEverythingComesBack) {
  for (int steps = 0; steps < 6; ++steps) {
    Bench bench({.num_blocks = 12, .max_batch_tokens = 64, .max_sequences = 8});
    Recorder recorder;
    GenerationRequest request{.prompt_ids = Prompt(120, 1), .sampling = {}, .listener = &recorder};
    for (unsigned i = 0; i < 60; ++i) request.continuations.push_back(Prompt(6, i));
    bench.loop.Add(1, request);
    for (int i = 0; i < steps; ++i) bench.loop.Step();
    ASSERT_TRUE(bench.loop.Cancel(1)) << steps;
    EXPECT_EQ((*recorder.result).error().code, ErrorCode::kCancelled);
    EXPECT_EQ(bench.loop.Stats().free_blocks, 12);
    EXPECT_FALSE(bench.loop.Step());
  }
}

TEST(GenerationBranches, WhatCanNeverRunIsRefused) {
  const Bench bench({.num_blocks = 3, .max_batch_tokens = 64, .max_sequences = 8}, 90);
  const auto refusal = [&](size_t prompt, std::vector<std::vector<int32_t>> continuations) {
    const Status status =
        bench.loop.Check({.prompt_ids = Prompt(prompt, 1), .sampling = {}, .continuations = std::move(continuations)});
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(refusal(10, {{1}, {2, 3}}), "");
  EXPECT_EQ(refusal(10, {{1}, {}}), "continuation 1 has 0 tokens, expected 1 to 58");
  EXPECT_EQ(refusal(10, {std::vector<int32_t>(59, 1)}), "continuation 0 has 59 tokens, expected 1 to 58");
  EXPECT_EQ(refusal(10, {{1, 50}}), "token id 50 of continuation 0 is not in the model's vocabulary of 50");
  EXPECT_EQ(refusal(80, {{1}, std::vector<int32_t>(11, 1)}),
            "the prompt has 80 tokens and continuation 1 has 11: together they are too long; the model's sequences may "
            "have 90");
  EXPECT_EQ(refusal(85, {{1}}), "");
  // Two blocks of the prompt, a copy of the second, and one more.
  EXPECT_EQ(refusal(63, {{1, 2, 3}}),
            "the prompt has 63 tokens and continuation 0 has 3: together they are too long; the model's sequences may "
            "have 90");
}

}  // namespace
}  // namespace bantam
