// GenerationLoop: texts with drafts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/testing_loop.h"

namespace bantam {
namespace {

using testing::Bench;
using testing::Held;
using testing::Prompt;
using testing::Recorder;
using testing::TextOf;

TEST(GenerationLoop, ATextThatRepeatsItselfTakesFewerSteps) {
  const auto steps = [](SpeculationOptions speculation, Recorder& recorder) {
    Bench bench({.num_blocks = 40, .speculation = speculation}, 1000, 2);
    bench.loop.Add(1, {.prompt_ids = {3, 4}, .sampling = {.temperature = 0}, .max_tokens = 400, .listener = &recorder});
    while (bench.loop.Step()) {
    }
    EXPECT_OK(*recorder.result);
    return bench.decoder.num_steps.load();
  };
  Recorder plain, drafted;
  EXPECT_EQ(steps({.max_draft = 0}, plain), 400);
  EXPECT_LT(steps({.fixed_draft = 9}, drafted), 120);
  EXPECT_EQ(plain.tokens, drafted.tokens);
  EXPECT_GT((*drafted.result)->accepted_tokens, 300);
}

// A draft model that is the model itself foresees everything, if its cache holds what it should: also after texts that
// share beginnings, gave way, or were not drafted for a while.
TEST(GenerationLoop, ADraftModelLikeTheModelIsNeverWrong) {
  for (const int num_blocks : {9, 100}) {
    Bench bench({.num_blocks = num_blocks,
                 .max_batch_tokens = 40,
                 .max_sequences = 6,
                 .speculation = {.lookup = false, .fixed_draft = 6}},
                1000, 0, 0);
    std::vector<Recorder> recorders(20);
    std::vector<GenerationRequest> requests;
    for (unsigned i = 0; i < 20; ++i) {
      requests.push_back({.prompt_ids = Prompt(30 + 3 * i, i % 2),
                          .sampling = {.temperature = 0.8f, .presence_penalty = 0.3f, .seed = i},
                          .max_tokens = 60,
                          .listener = &recorders[i]});
      bench.loop.Add(i, requests.back());
      bench.loop.Step();
    }
    while (bench.loop.Step()) {
    }
    int speculated = 0, accepted = 0;
    for (unsigned i = 0; i < 20; ++i) {
      EXPECT_EQ(recorders[i].tokens, TextOf(bench.decoder, requests[i]));
      speculated += (*recorders[i].result)->speculated_tokens;
      accepted += (*recorders[i].result)->accepted_tokens;
    }
    EXPECT_EQ(speculated, accepted);
    EXPECT_GT(accepted, 400);
  }
}

TEST(GenerationLoop, WhatWasDraftedInVainIsForgotten) {
  // By a model that is nearly always wrong.
  Bench bench({.num_blocks = 30, .max_batch_tokens = 512, .speculation = {.lookup = false, .fixed_draft = 15}}, 1000, 0,
              1);
  const std::vector<int32_t> prompt = Prompt(100, 1);
  Recorder first, second;
  GenerationRequest request{.prompt_ids = prompt, .sampling = {.temperature = 0}, .max_tokens = 100};
  request.listener = &first;
  bench.loop.Add(1, request);
  while (bench.loop.Step()) {
  }
  EXPECT_GT((*first.result)->speculated_tokens, 200);
  EXPECT_LT((*first.result)->accepted_tokens, 50);
  EXPECT_EQ(bench.loop.Stats().free_blocks, 30);
  // What stays in the cache is the text, to its last whole block: 199 tokens have keys and values.
  request.prompt_ids.insert(request.prompt_ids.end(), first.tokens.begin(), first.tokens.end());
  request.max_tokens = 50;
  request.listener = &second;
  bench.loop.Add(2, request);
  while (bench.loop.Step()) {
  }
  EXPECT_EQ((*second.result)->cached_tokens, 192);
  EXPECT_EQ(second.tokens, TextOf(bench.decoder, request));
}

TEST(GenerationLoop, ADraftedTextEndsWhereItWould) {
  for (size_t enough = 1; enough < 30; ++enough) {
    Bench bench({.num_blocks = 10, .speculation = {.fixed_draft = 8}}, 1000, 2);
    Recorder recorder, beside;
    recorder.enough = enough;
    GenerationRequest request{.prompt_ids = {1, 2, 1, 2}, .sampling = {.temperature = 0}, .max_tokens = 60};
    request.listener = &recorder;
    bench.loop.Add(1, request);
    request.max_tokens = static_cast<int>(enough);
    request.listener = &beside;
    bench.loop.Add(2, request);
    while (bench.loop.Step()) {
    }
    EXPECT_EQ(recorder.tokens.size(), enough);
    EXPECT_EQ((*recorder.result)->reason, FinishReason::kStop);
    EXPECT_EQ((*recorder.result)->stop_id, -1);
    EXPECT_EQ((*recorder.result)->generated_tokens, static_cast<int>(enough));
    EXPECT_EQ(beside.tokens, recorder.tokens);
    EXPECT_EQ((*beside.result)->reason, FinishReason::kLength);
    EXPECT_EQ(bench.loop.Stats().free_blocks, 10);
  }
}

TEST(GenerationLoop, AGrammarThatRepeatsIsForeseen) {
  const auto write = [](SpeculationOptions speculation, int draft_sees, Recorder& recorder) {
    Bench bench({.num_blocks = 20, .speculation = speculation}, 1000, 0, draft_sees);
    GenerationRequest request{.prompt_ids = Prompt(7, 3), .sampling = {.seed = 4}, .max_tokens = 200, .stop_ids = {0}};
    request.constraint = Held("(([ab]c|[de]f)(no|yes)){20}");
    request.listener = &recorder;
    bench.loop.Add(1, request);
    while (bench.loop.Step()) {
    }
    EXPECT_OK(*recorder.result);
    return bench.decoder.num_steps.load();
  };
  Recorder plain, looked_up, drafted;
  const int steps = write({.max_draft = 0}, -1, plain);
  write({.fixed_draft = 6}, -1, looked_up);
  // The same model: all it drafts is right, with what the grammar forces between.
  EXPECT_LT(write({.lookup = false, .fixed_draft = 8}, 0, drafted), steps / 2);
  EXPECT_EQ(looked_up.tokens, plain.tokens);
  EXPECT_EQ(drafted.tokens, plain.tokens);
  EXPECT_EQ((*drafted.result)->accepted_tokens, (*drafted.result)->speculated_tokens);
  EXPECT_GT((*looked_up.result)->speculated_tokens, 0);
}

}  // namespace
}  // namespace bantam
