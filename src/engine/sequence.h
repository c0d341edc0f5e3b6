// One request inside the engine: its tokens so far, how the next are chosen, and what it holds of the cache. The loop
// (generation_loop.h) says when; this knows what.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/fair_shares.h"
#include "engine/generation.h"
#include "engine/kv_blocks.h"
#include "engine/prompt_lookup.h"
#include "engine/speculation.h"

namespace bantam {

struct Sequence {
  // start_token: of a decoder with an encoder, which reads the prompt.
  Sequence(uint64_t own_id, GenerationRequest asked, std::optional<int32_t> start_token = std::nullopt);

  int num_tokens() const { return static_cast<int>(tokens.size()); }
  int num_prompt() const { return static_cast<int>(request.prompt_ids.size()); }
  int generated() const { return num_tokens() - num_prompt() - (num_encoded > 0 ? 1 : 0); }
  int missing() const { return num_tokens() - num_cached; }  // 1 while text is being written
  // Nothing is written: how probable its continuations are is asked.
  bool compares() const { return !request.continuations.empty(); }
  // Its prompt is computed, and so are the continuations of a single token.
  bool branches() const { return compares() && missing() == 0; }
  bool all_compared() const { return compares() && num_compared == request.continuations.size(); }
  // The one that is compared next has all its log probabilities.
  void Compared();
  // How many tokens of those missing a step takes. What an encoder reads it reads at once, whatever the budget.
  int Portion(int budget) const { return std::max(std::min(budget, missing()), num_encoded - num_cached); }

  // Chooses what follows, from the logits after the last token and after each token of the draft: the choices that
  // would be made one after the other without a draft, as long as the draft foresaw them. Fills `written`, `accepted`,
  // `end` and `failed`. Beside other sequences, on any thread.
  void Write(std::span<float> logits, size_t vocab_size);
  // Cuts the draft where the text's grammar does not allow it.
  void CutDraft();

  Result<GenerationSummary> Summary(FinishReason reason) const;

  uint64_t id;
  GenerationRequest request;
  Sampler sampler;
  std::optional<grammar::ConstraintState> held;
  int num_encoded = 0;          // tokens of the prompt that an encoder reads: all, or none
  std::vector<int32_t> tokens;  // prompt, then the start token behind an encoder, then text

  // Its place in the queue.
  FairShares::Share* share = nullptr;
  uint64_t arrival = 0;  // among all requests
  uint64_t turn = 0;     // among those that began; 0: it has not begun

  // Its part of the cache.
  int num_cached = 0;  // tokens with keys and values in `blocks`
  std::vector<int32_t> blocks;
  int num_published = 0;                // of the blocks
  bool is_long = false;                 // beyond Decoder::original_positions()
  uint64_t start = KvBlocks::kStart;    // what the first comes after: equal for equal adapters and kinds of positions
  uint64_t content = KvBlocks::kStart;  // of the published ones
  int found_tokens = 0;                 // of the prompt, in the cache when it began
  int times_preempted = 0;

  // Drafts.
  std::vector<int32_t> draft;  // of this step
  DraftSource draft_source = DraftSource::kNone;
  Repeat repeat;
  bool draft_is_probe = false;  // it was not expected to pay
  DraftHistory history;
  int model_cached = 0;  // tokens with keys and values in the draft model's part of `blocks`
  int speculated_tokens = 0, accepted_tokens = 0;

  // Continuations (generation_branches.cc).
  int longest_branch = 0;        // tokens that are computed of one: all but the last
  std::vector<double> logprobs;  // of each, as far as it is computed; empty before the prompt is
  size_t num_compared = 0;       // the first ones are done

  // What Write made of a step.
  std::vector<TokenChoice> written;
  int accepted = 0;                 // tokens of the draft that were written
  std::optional<FinishReason> end;  // the text ends with the last of `written`
  int32_t stop_id = -1;             // which is this one, then not a part of it
  std::optional<Error> failed;      // after `written`

 private:
  Result<TokenChoice> Choose(std::span<float> logits);
  void CompareFirstTokens(std::span<const float> logits);
  bool Append(TokenChoice choice);

  std::vector<uint32_t> allowed_;  // of the next token
};

// The tokens that may follow: those of the constraint, and where the text may end the stop tokens. `allowed` is resized
// to cover `vocab_size`. False: none.
bool MaskOf(const grammar::ConstraintState& held, const GenerationRequest& request, size_t vocab_size,
            std::vector<uint32_t>& allowed);

}  // namespace bantam
