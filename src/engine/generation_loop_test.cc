#include "engine/generation_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/testing_loop.h"

namespace bantam {
namespace {

using testing::Bench;
using testing::Held;
using testing::Letters;
using testing::Prompt;
using testing::Recorder;
using testing::TextOf;

// Whatever is drafted, and how.
struct Drafting {
  SpeculationOptions options;
  size_t sees = 0;
  int draft_sees = -1;
};
const Drafting kDrafting[] = {
    {.options = {.lookup = false, .max_draft = 0}},
    {.options = {}},
    {.options = {}, .sees = 2, .draft_sees = 2},
    {.options = {.fixed_draft = 1}},
    {.options = {.fixed_draft = 4}, .sees = 2},
    {.options = {.max_draft = 40, .fixed_draft = 40}, .sees = 3},
    {.options = {.lookup = false, .fixed_draft = 5}, .sees = 0, .draft_sees = 0},
    {.options = {.fixed_draft = 7}, .sees = 0, .draft_sees = 1},
    {.options = {.fixed_draft = 3}, .sees = 2, .draft_sees = 2},
};

// Many requests of all kinds through caches and budgets of all sizes, with drafts of all kinds: each text is what it is
// alone, no step is above the budget, and all blocks come back.
TEST(GenerationLoop, EveryTextIsWhatItIsAlone) {
  for (LoopOptions options : {LoopOptions{.num_blocks = 8, .max_batch_tokens = 16, .max_sequences = 5},
                              LoopOptions{.num_blocks = 7, .max_batch_tokens = 200, .max_sequences = 16},
                              LoopOptions{.num_blocks = 64, .max_batch_tokens = 3, .max_sequences = 3},
                              LoopOptions{.num_blocks = 200, .max_batch_tokens = 64, .max_sequences = 40},
                              LoopOptions{.num_blocks = 9, .max_batch_tokens = 40, .prefix_cache = false}}) {
    for (const Drafting& drafting : kDrafting) {
      options.speculation = drafting.options;
      Bench bench(options, 1000, drafting.sees, drafting.draft_sees);
      std::mt19937 random(options.num_blocks);
      std::vector<GenerationRequest> requests;
      std::vector<std::unique_ptr<Recorder>> recorders;
      for (unsigned i = 0; i < 40; ++i) {
        GenerationRequest request;
        // Many begin alike.
        request.prompt_ids = Prompt(1 + random() % 90, i % 3);
        request.sampling = {.temperature = i % 2 == 0 ? 0.0f : 0.7f, .repetition_penalty = 1.1f, .seed = i};
        request.max_tokens = 1 + static_cast<int>(random() % 100);
        request.priority = static_cast<int>(i / 7 % 3);
        request.key = std::string(1, static_cast<char>('a' + i % 4));
        if (i % 4 == 0) request.stop_ids = {7, 8};
        if (i % 5 == 1) request.sampling.top_logprobs = 2;
        recorders.push_back(std::make_unique<Recorder>());
        request.listener = recorders.back().get();
        ASSERT_OK(bench.loop.Check(request));
        requests.push_back(request);
        bench.loop.Add(i, request);
        for (unsigned steps = random() % 4; steps > 0; --steps) bench.loop.Step();
      }
      while (bench.loop.Step()) {
      }
      uint64_t speculated = 0, accepted = 0;
      for (size_t i = 0; i < requests.size(); ++i) {
        ASSERT_TRUE(recorders[i]->result.has_value()) << i;
        ASSERT_OK(*recorders[i]->result);
        EXPECT_EQ(recorders[i]->tokens, TextOf(bench.decoder, requests[i])) << i;
        const GenerationSummary& summary = **recorders[i]->result;
        EXPECT_EQ(summary.prompt_tokens, static_cast<int>(requests[i].prompt_ids.size()));
        const bool stopped = summary.reason == FinishReason::kStop;
        EXPECT_EQ(summary.generated_tokens, static_cast<int>(recorders[i]->tokens.size()) + (stopped ? 1 : 0));
        EXPECT_EQ(stopped, summary.stop_id == 7 || summary.stop_id == 8);
        EXPECT_LE(summary.accepted_tokens, summary.speculated_tokens);
        EXPECT_LE(summary.accepted_tokens, summary.generated_tokens);
        speculated += static_cast<uint64_t>(summary.speculated_tokens);
        accepted += static_cast<uint64_t>(summary.accepted_tokens);
      }
      EXPECT_LE(bench.decoder.largest_batch, options.max_batch_tokens);
      const GenerationStats& stats = bench.loop.Stats();
      EXPECT_EQ(stats.speculated_tokens, speculated);
      EXPECT_EQ(stats.accepted_tokens, accepted);
      if (drafting.options.max_draft == 0) {
        EXPECT_EQ(speculated, 0u);
      }
      EXPECT_EQ(stats.free_blocks, options.num_blocks);
      EXPECT_EQ(stats.requests, 40u);
      EXPECT_EQ(stats.running + stats.waiting, 0);
      EXPECT_EQ(options.num_blocks < 10, stats.preemptions > 0) << options.num_blocks;
      EXPECT_EQ(options.prefix_cache, stats.cached_tokens > 0) << options.num_blocks;
    }
  }
}

// Texts that begin alike, under adapters, several at once and none, in one loop: each is what it is alone, and finds in
// the cache what was computed under the same adapters only.
TEST(GenerationLoop, AdaptersShareNoKeysAndValues) {
  const std::vector<std::vector<LoraUse>> adapters = {
      {}, {{nullptr, 1}}, {{nullptr, 2}}, {{nullptr, 1}, {nullptr, 2}}, {{nullptr, 2}, {nullptr, 1}}};
  for (const LoopOptions& options : {LoopOptions{.num_blocks = 200, .max_batch_tokens = 512, .max_sequences = 40},
                                     LoopOptions{.num_blocks = 12, .max_batch_tokens = 33, .max_sequences = 5}}) {
    for (const Drafting& drafting : {Drafting{}, Drafting{.options = {.fixed_draft = 4}, .sees = 2, .draft_sees = 2}}) {
      LoopOptions own = options;
      own.speculation = drafting.options;
      Bench bench(own, 1000, drafting.sees, drafting.draft_sees);
      const std::vector<int32_t> prompt = Prompt(100, 9);
      std::vector<Recorder> recorders(30);
      std::vector<GenerationRequest> requests;
      for (unsigned i = 0; i < recorders.size(); ++i) {
        requests.push_back({.prompt_ids = prompt,
                            .sampling = {.temperature = 0.7f, .seed = i / 10},
                            .max_tokens = 40,
                            .adapters = adapters[i % adapters.size()],
                            .listener = &recorders[i]});
        bench.loop.Add(i, requests.back());
        if (i % 3 == 0) bench.loop.Step();
      }
      while (bench.loop.Step()) {
      }
      std::set<std::vector<int32_t>> texts;
      for (size_t i = 0; i < recorders.size(); ++i) {
        ASSERT_OK(*recorders[i].result);
        ASSERT_EQ(recorders[i].tokens, TextOf(bench.decoder, requests[i])) << i;
        texts.insert(recorders[i].tokens);
        // The first of each kind finds nothing, though the same tokens are there.
        if (i < adapters.size()) {
          EXPECT_EQ((*recorders[i].result)->cached_tokens, 0) << i;
        } else if (options.num_blocks == 200) {
          EXPECT_EQ((*recorders[i].result)->cached_tokens, 96) << i;
        }
      }
      EXPECT_GT(texts.size(), adapters.size());
      EXPECT_EQ(bench.loop.Stats().free_blocks, options.num_blocks);
    }
  }
}

// Of a model with an encoder: prompts longer than a step, in one piece, through caches that are too small for all.
TEST(GenerationLoop, AnEncoderReadsItsPromptAtOnce) {
  for (const LoopOptions& options : {LoopOptions{.num_blocks = 100, .max_batch_tokens = 16, .max_sequences = 8},
                                     LoopOptions{.num_blocks = 9, .max_batch_tokens = 40, .max_sequences = 8},
                                     LoopOptions{.num_blocks = 12, .max_batch_tokens = 500, .prefix_cache = false}}) {
    for (const size_t sees : {size_t{0}, size_t{2}}) {
      LoopOptions own = options;
      own.speculation.fixed_draft = sees > 0 ? 5 : 0;
      Bench bench(own, 1000, sees);
      bench.decoder.start = 7;
      std::vector<Recorder> recorders(25);
      std::vector<GenerationRequest> requests;
      for (unsigned i = 0; i < recorders.size(); ++i) {
        requests.push_back({.prompt_ids = Prompt(1 + i * 7 % 120, i % 2),
                            .sampling = {.temperature = 0.7f, .repetition_penalty = 1.2f, .seed = i},
                            .max_tokens = 1 + static_cast<int>(i * 13 % 70),
                            .listener = &recorders[i]});
        ASSERT_OK(bench.loop.Check(requests.back()));
        bench.loop.Add(i, requests.back());
        if (i % 3 == 0) bench.loop.Step();
      }
      while (bench.loop.Step()) {
      }
      for (size_t i = 0; i < recorders.size(); ++i) {
        ASSERT_OK(*recorders[i].result);
        EXPECT_EQ(recorders[i].tokens, TextOf(bench.decoder, requests[i])) << i;
        const GenerationSummary& summary = **recorders[i].result;
        EXPECT_EQ(summary.prompt_tokens, static_cast<int>(requests[i].prompt_ids.size()));
        EXPECT_EQ(summary.generated_tokens, requests[i].max_tokens);
        EXPECT_EQ(summary.cached_tokens, 0);
      }
      EXPECT_EQ(bench.loop.Stats().free_blocks, options.num_blocks);
      EXPECT_EQ(options.num_blocks < 100, bench.loop.Stats().preemptions > 0);
    }
  }
  Bench bench({.num_blocks = 3});
  bench.decoder.start = 7;
  EXPECT_OK(bench.loop.Check({.prompt_ids = Prompt(94, 1), .sampling = {}}));
  EXPECT_FALSE(bench.loop.Check({.prompt_ids = Prompt(95, 1), .sampling = {}}));
  Recorder recorder;
  bench.loop.Add(1, {.prompt_ids = Prompt(90, 1), .sampling = {}, .listener = &recorder});
  while (bench.loop.Step()) {
  }
  EXPECT_EQ(recorder.tokens.size(), 5u);
}

// Texts that grow beyond the original length, or begin beyond it, are computed with the positions of long ones from
// their first token on; with adapters, drafts, and in caches that are too small.
TEST(GenerationLoop, ALongTextHasOtherPositionsFromItsFirstTokenOn) {
  for (const LoopOptions& options : {LoopOptions{.num_blocks = 200, .max_batch_tokens = 512},
                                     LoopOptions{.num_blocks = 200, .max_batch_tokens = 7, .prefix_cache = false},
                                     LoopOptions{.num_blocks = 9, .max_batch_tokens = 33, .max_sequences = 6}}) {
    for (const Drafting& drafting : kDrafting) {
      LoopOptions own = options;
      own.speculation = drafting.options;
      Bench bench(own, 1000, drafting.sees, drafting.draft_sees);
      bench.decoder.original = 70;
      std::vector<Recorder> recorders(24);
      std::vector<GenerationRequest> requests;
      for (unsigned i = 0; i < recorders.size(); ++i) {
        requests.push_back({.prompt_ids = Prompt(40 + i * 3, i % 2),
                            .sampling = {.temperature = i % 3 == 0 ? 0.7f : 0.0f, .seed = i},
                            .max_tokens = 1 + static_cast<int>(i * 11 % 60),
                            .listener = &recorders[i]});
        if (i % 5 == 4) requests.back().adapters = {{nullptr, 2}};
        bench.loop.Add(i, requests.back());
        if (i % 4 == 0) bench.loop.Step();
      }
      while (bench.loop.Step()) {
      }
      bool found_long = false;
      for (size_t i = 0; i < recorders.size(); ++i) {
        ASSERT_OK(*recorders[i].result);
        ASSERT_EQ(recorders[i].tokens, TextOf(bench.decoder, requests[i])) << i;
        found_long |= requests[i].prompt_ids.size() > 70 && (*recorders[i].result)->cached_tokens > 0;
      }
      EXPECT_EQ(found_long, options.prefix_cache);
      EXPECT_LE(bench.decoder.largest_batch, options.max_batch_tokens);
      EXPECT_EQ(bench.loop.Stats().free_blocks, options.num_blocks);
    }
  }
}

// More kinds of adapters than are remembered: texts stay right, at worst they find nothing.
TEST(GenerationLoop, AnyNumberOfScales) {
  Bench bench({.num_blocks = 8});
  for (unsigned i = 0; i < 600; ++i) {
    Recorder recorder;
    GenerationRequest request{.prompt_ids = Prompt(40, 1), .sampling = {.temperature = 0}, .max_tokens = 3};
    request.adapters = {{nullptr, 0.01f * static_cast<float>(i % 300)}};
    request.listener = &recorder;
    bench.loop.Add(i, request);
    while (bench.loop.Step()) {
    }
    ASSERT_EQ(recorder.tokens, TextOf(bench.decoder, request)) << i;
  }
}

TEST(GenerationLoop, ALongPromptDelaysOthersByNoMoreThanAStepOfItsBudget) {
  Recorder writing, reading;  // before the bench, whose end they hear of
  Bench bench({.num_blocks = 100, .max_batch_tokens = 32});
  bench.loop.Add(1, {.prompt_ids = Prompt(4, 1), .sampling = {}, .max_tokens = 200, .listener = &writing});
  bench.loop.Step();
  bench.loop.Add(2, {.prompt_ids = Prompt(900, 2), .sampling = {}, .max_tokens = 3, .listener = &reading});
  for (int step = 0; step < 20; ++step) {
    const size_t before = writing.tokens.size();
    bench.loop.Step();
    EXPECT_EQ(writing.tokens.size(), before + 1) << "in step " << step;
  }
  EXPECT_EQ(bench.decoder.largest_batch, 32);
}

// Many who come at once delay those who write no more than one does; with nobody writing they take whole steps.
TEST(GenerationLoop, PromptsBesideTextsThatAreWrittenTakeAPartOfAStep) {
  Recorder writing, first, second, third;
  Bench bench({.num_blocks = 100, .max_batch_tokens = 128, .max_prompt_tokens = 40});
  bench.loop.Add(1, {.prompt_ids = Prompt(100, 1), .sampling = {}, .max_tokens = 200, .listener = &writing});
  bench.loop.Step();
  EXPECT_EQ(bench.decoder.largest_batch, 100);
  bench.decoder.largest_batch = 0;
  int number = 2;
  for (Recorder* reading : {&first, &second, &third}) {
    bench.loop.Add(number, {.prompt_ids = Prompt(60, number), .sampling = {}, .max_tokens = 200, .listener = reading});
    ++number;
  }
  for (int step = 0; step < 5; ++step) {
    const size_t before = writing.tokens.size();
    bench.loop.Step();
    EXPECT_EQ(writing.tokens.size(), before + 1) << "in step " << step;
  }
  EXPECT_EQ(bench.decoder.largest_batch, 40 + 3);
  EXPECT_THAT(third.tokens, ::testing::SizeIs(1));
}

TEST(GenerationLoop, ASecondRequestFindsTheBeginningOfTheFirst) {
  Bench bench({.num_blocks = 40, .max_batch_tokens = 512});
  Recorder first, second, third;
  const std::vector<int32_t> prompt = Prompt(100, 1);
  bench.loop.Add(1, {.prompt_ids = prompt, .sampling = {.temperature = 0}, .max_tokens = 40, .listener = &first});
  while (bench.loop.Step()) {
  }
  bench.loop.Add(2, {.prompt_ids = prompt, .sampling = {.temperature = 0}, .max_tokens = 40, .listener = &second});
  while (bench.loop.Step()) {
  }
  EXPECT_EQ(first.tokens, second.tokens);
  EXPECT_EQ((*first.result)->cached_tokens, 0);
  EXPECT_EQ((*second.result)->cached_tokens, 96);
  // A conversation that goes on finds what was said, too: 139 of its tokens have keys and values.
  std::vector<int32_t> more = prompt;
  more.insert(more.end(), first.tokens.begin(), first.tokens.end());
  bench.loop.Add(3, {.prompt_ids = more, .sampling = {.temperature = 0}, .max_tokens = 1, .listener = &third});
  while (bench.loop.Step()) {
  }
  EXPECT_EQ((*third.result)->cached_tokens, 128);
}

// At every point of its life, and all others go on as if nothing had been.
TEST(GenerationLoop, TextsOfOnePromptComputeItOnce) {
  Bench bench({.num_blocks = 100, .max_batch_tokens = 256});
  constexpr int kTexts = 5, kPrompt = 150;
  std::vector<Recorder> recorders(kTexts);
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < kTexts; ++i) {
    requests.push_back({.prompt_ids = Prompt(kPrompt, 1),
                        .sampling = {.seed = static_cast<uint64_t>(i)},
                        .max_tokens = 40,
                        .listener = &recorders[static_cast<size_t>(i)]});
    bench.loop.Add(static_cast<uint64_t>(i), requests.back());
  }
  while (bench.loop.Step()) {
  }
  for (size_t i = 0; i < kTexts; ++i) EXPECT_EQ(recorders[i].tokens, TextOf(bench.decoder, requests[i])) << i;
  const GenerationStats& stats = bench.loop.Stats();
  constexpr int kShared = kPrompt / kKvBlockTokens * kKvBlockTokens;  // in whole blocks
  EXPECT_EQ(stats.cached_tokens, static_cast<uint64_t>((kTexts - 1) * kShared));
  EXPECT_EQ(stats.prompt_tokens, static_cast<uint64_t>(kPrompt + (kTexts - 1) * (kPrompt - kShared)));
}

TEST(GenerationLoop, CancelAndDeadlineEndARequestBeforeTheNextStep) {
  for (int at = 0; at < 30; ++at) {
    for (const bool by_deadline : {false, true}) {
      Bench bench({.num_blocks = 6, .max_batch_tokens = 16, .max_sequences = 2});
      std::vector<Recorder> recorders(3);
      std::vector<GenerationRequest> requests;
      for (unsigned i = 0; i < 3; ++i) {
        requests.push_back(
            {.prompt_ids = Prompt(40, i), .sampling = {.seed = i}, .max_tokens = 30, .listener = &recorders[i]});
      }
      for (unsigned i = 0; i < 3; ++i) {
        if (i == 1 && by_deadline) requests[i].deadline = MonotonicTime::min();
        if (i != 1 || !by_deadline) bench.loop.Add(i, requests[i]);
      }
      for (int step = 0; step < at; ++step) bench.loop.Step();
      const bool ended = recorders[1].result.has_value();
      const size_t told = recorders[1].tokens.size();
      if (by_deadline) {
        bench.loop.Add(1, requests[1]);
      } else {
        EXPECT_EQ(bench.loop.Cancel(1), !ended);
        EXPECT_FALSE(bench.loop.Cancel(1));
      }
      bench.loop.Step();
      EXPECT_EQ(recorders[1].tokens.size(), told);
      while (bench.loop.Step()) {
      }
      ASSERT_TRUE(recorders[1].result.has_value());
      if (!ended && by_deadline) {
        ASSERT_OK(*recorders[1].result);
        EXPECT_EQ((*recorders[1].result)->reason, FinishReason::kDeadline);
        EXPECT_EQ((*recorders[1].result)->generated_tokens, 0);
      } else if (!ended) {
        EXPECT_EQ(recorders[1].result->error().code, ErrorCode::kCancelled);
      }
      for (const unsigned other : {0U, 2U}) {
        EXPECT_EQ(recorders[other].tokens, TextOf(bench.decoder, requests[other]));
      }
      EXPECT_EQ(bench.loop.Stats().free_blocks, 6);
    }
  }
}

TEST(GenerationLoop, TheListenerMayHaveEnough) {
  Bench bench({.num_blocks = 4});
  Recorder recorder;
  recorder.enough = 5;
  bench.loop.Add(1, {.prompt_ids = {1, 2}, .sampling = {}, .max_tokens = 50, .listener = &recorder});
  while (bench.loop.Step()) {
  }
  EXPECT_EQ(recorder.tokens.size(), 5u);
  EXPECT_EQ((*recorder.result)->reason, FinishReason::kStop);
}

TEST(GenerationLoop, ATextEndsWhereModelOrCacheEnd) {
  for (const int max_positions : {50, 1000}) {
    Bench bench({.num_blocks = 3}, max_positions);
    Recorder recorder;
    const int room = std::min(max_positions, 96) - 20;
    bench.loop.Add(1, {.prompt_ids = Prompt(20, 1), .sampling = {}, .listener = &recorder});
    while (bench.loop.Step()) {
    }
    EXPECT_EQ(static_cast<int>(recorder.tokens.size()), room);
    EXPECT_EQ((*recorder.result)->reason, FinishReason::kLength);
  }
}

TEST(GenerationLoop, RefusesWhatCanNeverRun) {
  Bench bench({.num_blocks = 3}, 80);
  const auto message = [&](const GenerationRequest& request) {
    const Status status = bench.loop.Check(request);
    EXPECT_FALSE(status);
    return status ? "" : status.error().message;
  };
  EXPECT_THAT(message({.prompt_ids = {}, .sampling = {}}), ::testing::HasSubstr("no tokens"));
  EXPECT_THAT(message({.prompt_ids = Prompt(80, 1), .sampling = {}}), ::testing::HasSubstr("80 tokens"));
  EXPECT_THAT(message({.prompt_ids = {50}, .sampling = {}}), ::testing::HasSubstr("token id 50"));
  EXPECT_THAT(message({.prompt_ids = {-1}, .sampling = {}}), ::testing::HasSubstr("token id -1"));
  EXPECT_THAT(message({.prompt_ids = {1}, .sampling = {.top_p = 2}}), ::testing::HasSubstr("top_p"));
  EXPECT_THAT(message({.prompt_ids = {1}, .sampling = {}, .max_tokens = -1}), ::testing::HasSubstr("max_tokens"));
  EXPECT_THAT(message({.prompt_ids = {1}, .sampling = {}, .adapters = {{nullptr, 1}}}),
              ::testing::HasSubstr("adapter"));
  EXPECT_OK(bench.loop.Check({.prompt_ids = Prompt(79, 1), .sampling = {}}));
}

TEST(GenerationLoop, TextIsHeldToAGrammar) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::vector<int32_t> first;
    for (const Drafting& drafting : kDrafting) {
      if (drafting.sees != 0) continue;  // one decoder for all
      Bench bench({.num_blocks = 20, .speculation = drafting.options}, 1000, drafting.sees, drafting.draft_sees);
      Recorder held, free;
      GenerationRequest request{
          .prompt_ids = Prompt(7, seed), .sampling = {.seed = seed}, .max_tokens = 40, .stop_ids = {0}};
      request.listener = &free;
      bench.loop.Add(1, request);
      request.constraint = Held("[a-f]{2,5}xyzzy[a-c]{0,3}");
      request.listener = &held;
      bench.loop.Add(2, request);
      while (bench.loop.Step()) {
      }
      ASSERT_TRUE(held.result.has_value());
      ASSERT_OK(*held.result);
      EXPECT_EQ((*held.result)->reason, FinishReason::kStop);
      EXPECT_THAT(Letters(held.tokens), ::testing::MatchesRegex("[a-f]{2,5}xyzzy[a-c]{0,3}"));
      // Who runs beside it writes what it would alone.
      request.constraint = nullptr;
      EXPECT_EQ(free.tokens, TextOf(bench.decoder, request));
      if (first.empty()) first = held.tokens;
      EXPECT_EQ(held.tokens, first);
    }
  }
}

TEST(GenerationLoop, TokensThatMustFollowAreComputedTogether) {
  const auto steps = [](int top_logprobs, Recorder& recorder) {
    Bench bench({.num_blocks = 20, .speculation = {.max_draft = 0}});
    GenerationRequest request{
        .prompt_ids = Prompt(7, 3), .sampling = {.temperature = 0, .top_logprobs = top_logprobs}, .max_tokens = 90};
    request.constraint = Held("[ab]thequickbrownfox[ab]jumpsoverthelazydog");
    request.listener = &recorder;
    bench.loop.Add(1, request);
    while (bench.loop.Step()) {
    }
    EXPECT_OK(*recorder.result);
    return bench.decoder.num_steps.load();
  };
  Recorder jumping, walking;
  const int few = steps(-1, jumping), many = steps(0, walking);
  EXPECT_EQ(jumping.tokens, walking.tokens);
  EXPECT_EQ(jumping.tokens.size(), 37U);
  EXPECT_EQ(many, 37);
  EXPECT_LT(few, 8);
}

TEST(GenerationLoop, AGrammarThatTheVocabularyCannotWriteFailsAlone) {
  Bench bench({.num_blocks = 20});
  Recorder held, free;
  GenerationRequest request{.prompt_ids = Prompt(7, 1), .sampling = {}, .max_tokens = 10};
  request.listener = &free;
  bench.loop.Add(1, request);
  request.constraint = Held("ab[0-9]");
  request.listener = &held;
  bench.loop.Add(2, request);
  while (bench.loop.Step()) {
  }
  ASSERT_FALSE(*held.result);
  EXPECT_EQ(held.result->error().code, ErrorCode::kUnsupported);
  EXPECT_OK(*free.result);
}

TEST(GenerationLoop, WhatIsLeftEndsWithTheLoop) {
  std::vector<Recorder> recorders(3);
  {
    Bench bench({.num_blocks = 10, .max_sequences = 2});
    for (unsigned i = 0; i < 3; ++i) {
      bench.loop.Add(i, {.prompt_ids = Prompt(10, i), .sampling = {}, .max_tokens = 50, .listener = &recorders[i]});
    }
    bench.loop.Step();
  }
  for (const Recorder& recorder : recorders) {
    ASSERT_TRUE(recorder.result.has_value());
    EXPECT_EQ(recorder.result->error().code, ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace bantam
