#include "engine/sequence.h"

#include <algorithm>

#include "engine/logits.h"

namespace bantam {

namespace {

// What a text goes on from, to its sampler: behind an encoder not the prompt.
std::span<const int32_t> Before(const GenerationRequest& request, const std::optional<int32_t>& start_token) {
  if (start_token) return {&*start_token, 1};
  return request.prompt_ids;
}

}  // namespace

Sequence::Sequence(uint64_t own_id, GenerationRequest asked, std::optional<int32_t> start_token)
    : id(own_id), request(std::move(asked)), sampler(request.sampling, Before(request, start_token)) {
  tokens = request.prompt_ids;
  if (start_token) {
    num_encoded = num_prompt();
    tokens.push_back(*start_token);
  }
  if (request.constraint != nullptr) held.emplace(request.constraint);
  for (const auto& continuation : request.continuations) {
    longest_branch = std::max(longest_branch, static_cast<int>(continuation.size()) - 1);
  }
}

bool MaskOf(const grammar::ConstraintState& held, const GenerationRequest& request, size_t vocab_size,
            std::vector<uint32_t>& allowed) {
  const size_t tokens = std::max(vocab_size, static_cast<size_t>(request.constraint->tokens().size()));
  allowed.resize((tokens + 31) / 32);
  bool any = held.Mask(allowed);
  const bool can_end = held.CanEnd();
  for (const int32_t id : request.stop_ids) {
    if (id < 0 || static_cast<size_t>(id) >= vocab_size) continue;
    uint32_t& word = allowed[static_cast<size_t>(id) / 32];
    const uint32_t bit = 1U << id % 32;
    word = can_end ? word | bit : word & ~bit;
    any |= can_end;
  }
  return any;
}

Result<TokenChoice> Sequence::Choose(std::span<float> logits) {
  if (!held) return sampler.Sample(logits);
  if (!MaskOf(*held, request, logits.size(), allowed_)) {
    return Err(ErrorCode::kUnsupported,
               "after {} tokens of text the model's vocabulary has none that its grammar or schema lets follow",
               generated() + static_cast<int>(written.size()));
  }
  return sampler.Sample(logits, allowed_);
}

// False: the text ends here.
bool Sequence::Append(TokenChoice choice) {
  const int32_t token = choice.id;
  written.push_back(std::move(choice));
  if (std::ranges::find(request.stop_ids, token) != request.stop_ids.end()) {
    stop_id = token;
    end = FinishReason::kStop;
    return false;
  }
  if (held) {
    if (Status taken = held->Accept(token); !taken) {
      written.pop_back();
      failed = std::move(taken).error();
      return false;
    }
    if (held->IsDone()) end = FinishReason::kStop;
  }
  const int count = generated() + static_cast<int>(written.size());
  if (!end && count >= request.max_tokens) end = FinishReason::kLength;
  return !end;
}

void Sequence::Write(std::span<float> logits, size_t vocab_size) {
  written.clear();
  end.reset();
  failed.reset();
  accepted = 0;
  if (compares()) return CompareFirstTokens(logits.first(vocab_size));
  bool goes_on = true;
  while (goes_on && static_cast<size_t>(accepted) == written.size()) {
    Result<TokenChoice> choice = Choose(logits.subspan(written.size() * vocab_size, vocab_size));
    if (!choice) {
      failed = std::move(choice).error();
      return;
    }
    goes_on = Append(*std::move(choice));
    // What must follow is not asked of the model; the next step computes it as it does a prompt.
    if (goes_on && held && request.sampling.top_logprobs < 0) {
      for (const int32_t forced : held->ForcedTokens()) {
        sampler.Accept(forced);
        if (!(goes_on = Append({.id = forced}))) break;
      }
    }
    for (auto next = static_cast<size_t>(accepted); next < std::min(draft.size(), written.size()); ++next) {
      if (draft[next] != written[next].id) break;
      ++accepted;
    }
  }
}

void Sequence::CompareFirstTokens(std::span<const float> logits) {
  if (!logprobs.empty()) return;  // it gave way, and was computed again
  const Result<double> sum = LogSumExp(logits);
  if (!sum) {
    failed = sum.error();
    return;
  }
  for (const auto& continuation : request.continuations) {
    logprobs.push_back(static_cast<double>(logits[static_cast<size_t>(continuation[0])]) - *sum);
  }
  while (num_compared < logprobs.size() && request.continuations[num_compared].size() == 1) ++num_compared;
}

void Sequence::Compared() {
  do {
    ++num_compared;
  } while (num_compared < logprobs.size() && request.continuations[num_compared].size() == 1);
}

void Sequence::CutDraft() {
  if (!held) return;
  grammar::ConstraintState ahead = *held;
  size_t kept = 0;
  while (kept < draft.size() && !ahead.IsDone() && ahead.Accept(draft[kept])) ++kept;
  draft.resize(kept);
}

Result<GenerationSummary> Sequence::Summary(FinishReason reason) const {
  return GenerationSummary{.reason = reason,
                           .stop_id = reason == FinishReason::kStop ? stop_id : -1,
                           .prompt_tokens = num_prompt(),
                           .generated_tokens = generated(),
                           .cached_tokens = found_tokens,
                           .times_preempted = times_preempted,
                           .speculated_tokens = speculated_tokens,
                           .accepted_tokens = accepted_tokens,
                           .logprobs = logprobs};
}

}  // namespace bantam
