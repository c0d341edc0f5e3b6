// From logits to the next token: greedy, or by chance within what temperature, top-k, top-p, min-p and typical sampling
// leave.
//
//   Sampler sampler({.temperature = 0.7f, .top_p = 0.9f, .seed = 42}, prompt_ids);
//   BANTAM_TRY(TokenChoice token, sampler.Sample(logits));
//
// The steps, each on what the one before left, as transformers' generate() has them: bias, repetition, frequency and
// presence penalties, what a constraint allows, temperature, top-k, top-p, min-p, typical. The n-th token of a seed is
// drawn with a number that follows from seed and n alone: a text does not depend on what else the engine computes, and
// can be gone on with after a break.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bantam {

struct SamplingParams {
  float temperature = 1;         // 0: always the most probable token
  int top_k = 0;                 // 0: all
  float top_p = 1;               // the fewest tokens whose probabilities add up to this
  float min_p = 0;               // those with at least this share of the largest probability
  float typical_p = 1;           // those closest to the expected surprise, up to this sum (Meister et al., 2022)
  float repetition_penalty = 1;  // divides positive and multiplies negative logits of tokens in prompt and text
  float frequency_penalty = 0;   // taken from a logit for each time that its token is in the text
  float presence_penalty = 0;    // once for a token that is there at all
  std::vector<std::pair<int32_t, float>> logit_bias = {};
  uint64_t seed = 0;
  int top_logprobs =
      -1;  // how many of the most probable tokens are told beside the chosen one; -1: no log probabilities
};

// kInvalidArgument names the first field that is out of its range.
Status CheckSampling(const SamplingParams& params, int vocab_size);

// Log probabilities are the model's own: of its logits before any of the steps above, whatever they are.
struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;
};
struct TokenChoice {
  int32_t id = 0;
  float logprob = 0;                   // with top_logprobs from 0
  std::vector<TokenLogprob> top = {};  // most probable first; of equal ones the lower id
};

// One text's. One thread at a time.
class Sampler {
 public:
  // `params` passed CheckSampling.
  Sampler(SamplingParams params, std::span<const int32_t> prompt_ids);

  // logits: [vocab_size], changed. `allowed`: a bit for each token, or empty for all; at least one is set. The choice
  // counts as said. kCorrupt when no logit is finite or one is not a number.
  Result<TokenChoice> Sample(std::span<float> logits, std::span<const uint32_t> allowed = {});
  // What Sample would draw from: [tokens that are left], their probabilities, without choosing. logits are changed.
  std::vector<std::pair<int32_t, double>> Distribution(std::span<float> logits, std::span<const uint32_t> allowed = {});
  // A token that was not chosen here but stands in the text all the same.
  void Accept(int32_t id);

  // A copy that goes on by itself, for drafts: it tells no log probabilities.
  Sampler WithoutLogprobs() const;

  const SamplingParams& params() const { return params_; }

 private:
  struct Candidate {
    int32_t id;
    float logit;
    double weight;        // exp((logit - largest logit) / temperature)
    double distance = 0;  // from the expected surprise
  };
  static constexpr size_t kBlock = 512;

  void Penalise(std::span<float> logits, std::span<const uint32_t> allowed) const;
  void Narrow(std::span<const float> logits, float largest);
  void AddUpAll();
  void Collect(std::span<const float> logits, double least);
  void AddUp();
  template <typename Order>
  void KeepFirst(float share, const Order& order);
  void ApplyTopP(std::span<const float> logits);
  void ApplyMinP(std::span<const float> logits);
  void ApplyTypical(std::span<const float> logits, float largest);
  int32_t Draw() const;

  struct Seen {
    int in_text = 0;
    bool in_prompt = false;
  };
  SamplingParams params_;
  std::unordered_map<int32_t, Seen> seen_;  // only with penalties
  uint64_t num_drawn_ = 0;
  // What is left to draw from: the candidates where narrowed_, all tokens by their weights otherwise.
  bool narrowed_ = false;
  std::vector<Candidate> candidates_;
  std::vector<float> weights_;
  std::vector<double> block_sums_;  // of each kBlock of weights_
  double total_ = 0;                // weight
};

}  // namespace bantam
