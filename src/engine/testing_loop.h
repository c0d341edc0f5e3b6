// For tests: a GenerationLoop over a FakeDecoder, who listens to it, and what its texts must be.
#pragma once

#include <gtest/gtest.h>

#include <random>

#include "base/aligned_buffer.h"
#include "base/testing.h"
#include "engine/fake_decoder.h"
#include "engine/generation_loop.h"

namespace bantam::testing {

class Recorder final : public GenerationListener {
 public:
  bool OnToken(const TokenChoice& token) override {
    EXPECT_FALSE(result.has_value()) << "a token after the end";
    tokens.push_back(token.id);
    return tokens.size() != enough;
  }
  void OnDone(const Result<GenerationSummary>& summary) override {
    EXPECT_FALSE(result.has_value()) << "ended twice";
    result = summary;
  }
  std::vector<int32_t> tokens;
  std::optional<Result<GenerationSummary>> result;
  size_t enough = SIZE_MAX;
};

inline std::vector<int32_t> Prompt(size_t length, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> ids(length);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % 50);
  return ids;
}

// What the request's text must be, by the definition: one token after the other, alone.
inline std::vector<int32_t> TextOf(const FakeDecoder& decoder, const GenerationRequest& request) {
  std::vector<int32_t> tokens, text;
  for (const int32_t id : request.prompt_ids) tokens.push_back(FakeDecoder::Seen(id, request.adapters));
  if (decoder.start) tokens.push_back(*decoder.start);
  Sampler sampler(request.sampling, decoder.start ? std::vector{*decoder.start} : request.prompt_ids);
  std::vector<float> logits(static_cast<size_t>(decoder.vocab_size()));
  while (static_cast<int>(text.size()) < request.max_tokens) {
    std::vector<int32_t> seen = tokens;
    for (int32_t& token : seen) token += decoder.Form(static_cast<int>(tokens.size()));
    decoder.LogitsAfter(seen, logits);
    const auto choice = sampler.Sample(logits);
    EXPECT_OK(choice);
    if (std::ranges::find(request.stop_ids, choice->id) != request.stop_ids.end()) break;
    text.push_back(choice->id);
    tokens.push_back(FakeDecoder::Seen(choice->id, request.adapters));
  }
  return text;
}

struct Bench {
  // sees: of the decoder; draft_sees: of one that drafts, -1: there is none
  explicit Bench(LoopOptions options, int max_positions = 1000, size_t sees = 0, int draft_sees = -1)
      : decoder(max_positions, 50, sees),
        draft(max_positions, 50, draft_sees < 0 ? 0 : static_cast<size_t>(draft_sees)),
        memory(decoder.kv_shape().block_bytes() * static_cast<size_t>(options.num_blocks)),
        draft_memory(memory.size()),
        loop(decoder, pool, {decoder.kv_shape(), memory.data()}, options,
             draft_sees < 0 ? DraftDecoder{} : DraftDecoder{&draft, {draft.kv_shape(), draft_memory.data()}}) {}
  FakeDecoder decoder, draft;
  ThreadPool pool{1};
  AlignedBuffer<std::byte> memory, draft_memory;
  GenerationLoop loop;
};

// A grammar over one-letter tokens; the decoder itself would write anything.
inline std::shared_ptr<const grammar::Constraint> Held(std::string_view pattern) {
  std::vector<std::string> tokens(50);  // 0 and the last ones are control tokens
  for (int32_t id = 1; id <= 26; ++id)
    tokens[static_cast<size_t>(id)] = std::string(1, static_cast<char>('a' + id - 1));
  const auto compiled = grammar::FromRegex(pattern, "pattern");
  EXPECT_OK(compiled);
  return grammar::Constraint::Create(*compiled, grammar::TokenTable::FromBytes(tokens));
}

inline std::string Letters(const std::vector<int32_t>& ids) {
  std::string text;
  for (const int32_t id : ids) text += static_cast<char>('a' + id - 1);
  return text;
}

}  // namespace bantam::testing
