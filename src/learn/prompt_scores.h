// What a decoder says of each token of a text that is there already: the log probabilities of a prompt.
//
//   BANTAM_TRY(const auto scores, ScorePrompt(decoder, ids, {.top = 5, .num_threads = 2}));
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "engine/sampler.h"
#include "models/decoder.h"

namespace bantam {

struct PromptScoreOptions {
  int top = 0;  // how many of the most probable tokens are told beside each
  int num_threads = 1;
  KvType kv_type = kKvF32;  // the engine's, for its numbers
  LoraUses adapters = {};
  MonotonicTime deadline = MonotonicTime::max();
  std::function<bool()> stop = {};  // asked between pieces; true: kCancelled
};

// One for each id but the first, of which nothing is said: [ids - 1]. The whole text is computed, with a cache of its
// own, whatever an engine has of it in its cache; the numbers are those of an engine, as near as passes of other
// lengths come. kCorrupt for weights that give numbers that are not finite.
Result<std::vector<TokenChoice>> ScorePrompt(const Decoder& decoder, std::span<const int32_t> ids,
                                             const PromptScoreOptions& options);

}  // namespace bantam
