// What the generation engine is asked for, and how it answers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engine/sampler.h"
#include "models/lora_use.h"
#include "text/grammar/constraint.h"

namespace bantam {

enum class FinishReason {
  kStop,      // a stop token, or the listener had enough
  kLength,    // max_tokens, or as long as the model or the cache allows
  kDeadline,  // its time was over: the text so far, which may be none
};
std::string_view FinishReasonName(FinishReason reason);  // "stop", "length", "deadline"

struct GenerationSummary {
  FinishReason reason = FinishReason::kStop;
  int32_t stop_id = -1;  // the stop token, if it was one
  int prompt_tokens = 0;
  int generated_tokens = 0;  // a stop token included
  int cached_tokens = 0;     // of the prompt, whose keys and values were there already
  int times_preempted = 0;
  int speculated_tokens = 0;          // drafted and verified
  int accepted_tokens = 0;            // of those, the right ones
  std::vector<double> logprobs = {};  // of the request's continuations
};

// Hears of one request. Called by the engine, from one thread at a time, and must not block: what waits is the batch.
class GenerationListener {
 public:
  virtual ~GenerationListener() = default;
  virtual void OnBegin() {}  // its turn has come, for the first time
  // The next token, but a stop token. False: enough, the text ends here.
  virtual bool OnToken(const TokenChoice& token) = 0;
  // Once, last: kCancelled, kOverloaded where a full queue made room for another key, kCorrupt for weights that give
  // numbers that are not finite, or kUnsupported where the model has no token that its constraint lets follow.
  virtual void OnDone(const Result<GenerationSummary>& summary) = 0;
};

// Of one continuation: labels, not essays. All of it is computed in one step, beside the texts that are being written.
constexpr int kMostContinuationTokens = 64;

struct GenerationRequest {
  std::vector<int32_t> prompt_ids;  // of a model with an encoder what that reads
  SamplingParams sampling;
  int max_tokens = 0;  // 0: as many as the model and the cache allow
  std::vector<int32_t> stop_ids = {};
  // What the text is held to. It then ends with a stop token where it may, or where nothing may follow; tokens that
  // must follow are not computed one by one, but with top_logprobs.
  std::shared_ptr<const grammar::Constraint> constraint = nullptr;
  // What might follow the prompt, each of at most kMostContinuationTokens. Then nothing is written, and the summary
  // tells the log probability of each: the sum of those of its tokens. The prompt is computed once for all of them.
  std::vector<std::vector<int32_t>> continuations = {};
  std::vector<LoraUse> adapters = {};  // of the engine's decoder, all at once
  MonotonicTime deadline = MonotonicTime::max();
  int priority = 0;      // lower goes first, and may take the place of what is higher
  std::string key = {};  // whose it is: keys of one priority get equal shares, in tokens
  bool joins = false;    // a text beside others of a caller\'s that are in already: no full queue refuses it
  GenerationListener* listener = nullptr;  // must live until OnDone
};

}  // namespace bantam
