#include "engine/sampler.h"

#include <algorithm>
#include <cmath>

#include "engine/logits.h"

namespace bantam {
namespace {

// SplitMix64 (Steele et al., 2014), entered at place n: uniform in [0, 1).
double UniformAt(uint64_t seed, uint64_t n) {
  uint64_t x = seed + (n + 1) * 0x9E37'79B9'7F4A'7C15;
  x = (x ^ x >> 30) * 0xBF58'476D'1CE4'E5B9;
  x = (x ^ x >> 27) * 0x94D0'49BB'1331'11EB;
  x ^= x >> 31;
  return static_cast<double>(x >> 11) * 0x1p-53;
}

Status InRange(std::string_view name, float value, float least, float most) {
  if (value >= least && value <= most) return Ok();
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected a number from {} to {}", name, value, least, most);
}

}  // namespace

Status CheckSampling(const SamplingParams& params, int vocab_size) {
  BANTAM_RETURN_IF_ERROR(InRange("temperature", params.temperature, 0, 100));
  if (params.top_k < 0) {
    return Err(ErrorCode::kInvalidArgument, "\"top_k\" is {}, expected 0 for all tokens or how many", params.top_k);
  }
  if (!(params.top_p > 0)) {
    return Err(ErrorCode::kInvalidArgument, "\"top_p\" is {}, expected a number above 0, at most 1", params.top_p);
  }
  BANTAM_RETURN_IF_ERROR(InRange("top_p", params.top_p, 0, 1));
  BANTAM_RETURN_IF_ERROR(InRange("min_p", params.min_p, 0, 1));
  if (!(params.typical_p > 0)) {
    return Err(ErrorCode::kInvalidArgument, "\"typical_p\" is {}, expected a number above 0, at most 1",
               params.typical_p);
  }
  BANTAM_RETURN_IF_ERROR(InRange("typical_p", params.typical_p, 0, 1));
  BANTAM_RETURN_IF_ERROR(InRange("repetition_penalty", params.repetition_penalty, 0.01f, 100));
  BANTAM_RETURN_IF_ERROR(InRange("frequency_penalty", params.frequency_penalty, -100, 100));
  BANTAM_RETURN_IF_ERROR(InRange("presence_penalty", params.presence_penalty, -100, 100));
  for (const auto& [id, bias] : params.logit_bias) {
    if (id < 0 || id >= vocab_size) {
      return Err(ErrorCode::kInvalidArgument, "\"logit_bias\" names token {}, expected one from 0 to {}", id,
                 vocab_size - 1);
    }
    BANTAM_RETURN_IF_ERROR(InRange("logit_bias", bias, -1000, 1000));
  }
  if (params.top_logprobs < -1 || params.top_logprobs > 1000) {
    return Err(ErrorCode::kInvalidArgument, "\"top_logprobs\" is {}, expected a number from 0 to 1000",
               params.top_logprobs);
  }
  return Ok();
}

Sampler::Sampler(SamplingParams params, std::span<const int32_t> prompt_ids) : params_(std::move(params)) {
  if (params_.repetition_penalty == 1) return;
  for (const int32_t id : prompt_ids) seen_[id].in_prompt = true;
}

Sampler Sampler::WithoutLogprobs() const {
  Sampler copy(params_, {});
  copy.params_.top_logprobs = -1;
  copy.seen_ = seen_;
  copy.num_drawn_ = num_drawn_;
  return copy;
}

void Sampler::Accept(int32_t id) {
  ++num_drawn_;
  if (params_.repetition_penalty != 1 || params_.frequency_penalty != 0 || params_.presence_penalty != 0) {
    ++seen_[id].in_text;
  }
}

void Sampler::Penalise(std::span<float> logits, std::span<const uint32_t> allowed) const {
  for (const auto& [id, bias] : params_.logit_bias) logits[static_cast<size_t>(id)] += bias;
  for (const auto& [id, seen] : seen_) {
    if (static_cast<size_t>(id) >= logits.size()) continue;
    float& logit = logits[static_cast<size_t>(id)];
    logit = logit < 0 ? logit * params_.repetition_penalty : logit / params_.repetition_penalty;
    if (seen.in_text == 0) continue;
    logit -= params_.frequency_penalty * static_cast<float>(seen.in_text) + params_.presence_penalty;
  }
  if (!allowed.empty()) KeepAllowed(logits, allowed);
}

void Sampler::Narrow(std::span<const float> logits, float largest) {
  candidates_.clear();
  const auto most = static_cast<size_t>(params_.top_k);
  narrowed_ = most > 0 && most < logits.size();
  if (narrowed_) {
    const auto temperature = static_cast<double>(params_.temperature);
    for (const LogitRow& row : FirstOf(logits, most)) {
      if (row.logit == kNoLogit) break;
      const double below = static_cast<double>(largest) - static_cast<double>(row.logit);
      candidates_.push_back({row.id, row.logit, std::exp(-below / temperature)});
    }
    AddUp();
  } else {
    weights_.resize(logits.size());
    Weigh(logits, largest, params_.temperature, weights_);
    AddUpAll();
  }
  ApplyTopP(logits);
  ApplyMinP(logits);
  ApplyTypical(logits, largest);
}

std::vector<std::pair<int32_t, double>> Sampler::Distribution(std::span<float> logits,
                                                              std::span<const uint32_t> allowed) {
  Penalise(logits, allowed);
  const size_t place = *MostProbable(logits);
  if (params_.temperature == 0) return {{static_cast<int32_t>(place), 1.0}};
  Narrow(logits, logits[place]);
  if (!narrowed_) Collect(logits, 0);
  std::vector<std::pair<int32_t, double>> left;
  for (const Candidate& candidate : candidates_) left.emplace_back(candidate.id, candidate.weight / total_);
  return left;
}

Result<TokenChoice> Sampler::Sample(std::span<float> logits, std::span<const uint32_t> allowed) {
  BANTAM_TRY(size_t place, MostProbable(logits));
  const bool changes = !params_.logit_bias.empty() || !seen_.empty() || !allowed.empty();
  double log_sum = 0;
  std::vector<TokenLogprob> top;
  std::vector<float> own;  // what the model itself said of the token that will be chosen
  if (params_.top_logprobs >= 0) {
    BANTAM_TRY(log_sum, LogSumExp(logits));
    for (const LogitRow& row : FirstOf(logits, static_cast<size_t>(params_.top_logprobs)))
      top.push_back({row.id, static_cast<float>(static_cast<double>(row.logit) - log_sum)});
    if (changes) own.assign(logits.begin(), logits.end());
  }
  if (changes) {
    Penalise(logits, allowed);
    BANTAM_TRY(place, MostProbable(logits));
  }
  auto id = static_cast<int32_t>(place);
  if (params_.temperature != 0 && params_.top_k != 1) {
    Narrow(logits, logits[place]);
    id = Draw();
  }
  Accept(id);
  TokenChoice choice{.id = id, .logprob = 0, .top = std::move(top)};
  if (params_.top_logprobs >= 0) {
    const std::span<const float> said = own.empty() ? std::span<const float>(logits) : own;
    choice.logprob = static_cast<float>(static_cast<double>(said[static_cast<size_t>(id)]) - log_sum);
  }
  return choice;
}

void Sampler::AddUpAll() {
  block_sums_.clear();
  total_ = 0;
  for (size_t first = 0; first < weights_.size(); first += kBlock) {
    block_sums_.push_back(Sum(std::span(weights_).subspan(first, std::min(kBlock, weights_.size() - first))));
    total_ += block_sums_.back();
  }
}

// From all tokens to those of at least this weight.
void Sampler::Collect(std::span<const float> logits, double least) {
  const auto at_least = static_cast<float>(least);
  for (size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] < at_least || logits[i] == kNoLogit) continue;
    candidates_.push_back({static_cast<int32_t>(i), logits[i], static_cast<double>(weights_[i])});
  }
  narrowed_ = true;
}

void Sampler::AddUp() {
  total_ = 0;
  for (const Candidate& candidate : candidates_) total_ += candidate.weight;
}

// A candidate stays as long as those before it do not add up to this share of all.
template <typename Order>
void Sampler::KeepFirst(float share, const Order& order) {
  const double enough = static_cast<double>(share) * total_;
  // Few tokens hold most of the probability: sorting the whole vocabulary would take longer than a small model's step.
  size_t sorted = 0;
  double before = 0;
  for (size_t ahead = 64; sorted < candidates_.size(); ahead *= 8) {
    const size_t end = std::min(candidates_.size(), sorted + ahead);
    const auto from = candidates_.begin() + static_cast<ptrdiff_t>(sorted);
    std::partial_sort(from, candidates_.begin() + static_cast<ptrdiff_t>(end), candidates_.end(), order);
    for (; sorted < end; ++sorted) {
      if (sorted > 0 && before >= enough) {
        candidates_.resize(sorted);
        return AddUp();
      }
      before += candidates_[sorted].weight;
    }
  }
  AddUp();
}

void Sampler::ApplyTopP(std::span<const float> logits) {
  if (params_.top_p >= 1) return;
  // All tokens of less than this weight together are less than what is left out.
  const double rest = (1 - static_cast<double>(params_.top_p)) * total_;
  if (!narrowed_) Collect(logits, rest / static_cast<double>(logits.size()));
  KeepFirst(params_.top_p, MoreProbable<Candidate>);
}

// The largest weight is 1.
void Sampler::ApplyMinP(std::span<const float> logits) {
  if (params_.min_p <= 0) return;
  const auto least = static_cast<double>(params_.min_p);
  if (!narrowed_) {
    Collect(logits, least);
  } else {
    std::erase_if(candidates_, [&](const Candidate& candidate) { return candidate.weight < least; });
  }
  AddUp();
}

void Sampler::ApplyTypical(std::span<const float> logits, float largest) {
  if (params_.typical_p >= 1) return;
  if (!narrowed_) Collect(logits, 0);
  const double log_total = std::log(total_), temperature = static_cast<double>(params_.temperature);
  double entropy = 0;
  for (Candidate& candidate : candidates_) {
    const double below = static_cast<double>(largest) - static_cast<double>(candidate.logit);
    candidate.distance = below / temperature + log_total;  // its surprise, -log p
    entropy += candidate.weight / total_ * candidate.distance;
  }
  for (Candidate& candidate : candidates_) candidate.distance = std::abs(candidate.distance - entropy);
  KeepFirst(params_.typical_p, [](const Candidate& a, const Candidate& b) {
    return a.distance != b.distance ? a.distance < b.distance : MoreProbable(a, b);
  });
}

// In the candidates' order, or that of the ids, which follow from the logits alone.
int32_t Sampler::Draw() const {
  double rest = UniformAt(params_.seed, num_drawn_) * total_;
  if (narrowed_) {
    for (const Candidate& candidate : candidates_) {
      rest -= candidate.weight;
      if (rest < 0) return candidate.id;
    }
    // Rounding left a little: the last that can be.
    for (size_t i = candidates_.size(); i > 0; --i) {
      if (candidates_[i - 1].weight > 0) return candidates_[i - 1].id;
    }
    return candidates_.front().id;
  }
  size_t block = 0;
  for (; block + 1 < block_sums_.size() && rest >= block_sums_[block]; ++block) rest -= block_sums_[block];
  const size_t end = std::min(weights_.size(), (block + 1) * kBlock);
  for (size_t i = block * kBlock; i < end; ++i) {
    rest -= static_cast<double>(weights_[i]);
    if (rest < 0) return static_cast<int32_t>(i);
  }
  size_t last = end;
  while (last > 1 && weights_[last - 1] == 0) --last;
  return static_cast<int32_t>(last - 1);
}

}  // namespace bantam
