#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"

namespace bantam {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

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

// Most probable first; of equal ones the lower id, so that an order exists whatever came before.
template <typename T>
bool Before(const T& a, const T& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

std::vector<TokenLogprob> MostProbable(std::span<const float> logits, size_t count, double log_sum) {
  struct Row {
    int32_t id;
    float logit;
  };
  std::vector<Row> best;  // a heap whose front is the least of them
  count = std::min(count, logits.size());
  if (count == 0) return {};
  const auto before = [](const Row& a, const Row& b) { return Before(a, b); };
  for (size_t i = 0; i < logits.size(); ++i) {
    const Row row{static_cast<int32_t>(i), logits[i]};
    if (best.size() == count) {
      if (!Before(row, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), before);
      best.pop_back();
    }
    best.push_back(row);
    std::push_heap(best.begin(), best.end(), before);
  }
  std::sort(best.begin(), best.end(), before);
  std::vector<TokenLogprob> top;
  for (const Row& row : best) top.push_back({row.id, static_cast<float>(static_cast<double>(row.logit) - log_sum)});
  return top;
}

// log(sum(exp(logits)))
double LogSum(std::span<const float> logits, float largest) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - static_cast<double>(largest));
  return std::log(sum) + static_cast<double>(largest);
}

Result<float> Largest(std::span<const float> logits) {
  BANTAM_CHECK(!logits.empty());
  float largest = kNever;
  for (const float logit : logits) {
    if (std::isnan(logit) || logit == -kNever) {
      return Err(ErrorCode::kCorrupt, "the model's logits are not finite: its weights are damaged");
    }
    largest = std::max(largest, logit);
  }
  if (largest == kNever)
    return Err(ErrorCode::kCorrupt, "the model gives no token a probability: its weights are damaged");
  return largest;
}

}  // namespace

Result<double> LogSumExp(std::span<const float> logits) {
  BANTAM_TRY(const float largest, Largest(logits));
  return LogSum(logits, largest);
}

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
  // By words: of most places in a grammar nearly all are full or empty.
  for (size_t begin = 0; !allowed.empty() && begin < logits.size(); begin += 32) {
    const uint32_t word = allowed[begin / 32];
    if (word == UINT32_MAX) continue;
    const std::span<float> row = logits.subspan(begin, std::min<size_t>(32, logits.size() - begin));
    if (word == 0) {
      std::ranges::fill(row, kNever);
      continue;
    }
    for (size_t i = 0; i < row.size(); ++i) {
      if ((word >> i & 1) == 0) row[i] = kNever;
    }
  }
}

void Sampler::Narrow(std::span<const float> logits) {
  Collect(logits);
  ApplyTopP();
  ApplyMinP();
  ApplyTypical();
}

std::vector<std::pair<int32_t, double>> Sampler::Distribution(std::span<float> logits,
                                                              std::span<const uint32_t> allowed) {
  Penalise(logits, allowed);
  if (params_.temperature == 0) {
    return {{static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()), 1.0}};
  }
  Narrow(logits);
  std::vector<std::pair<int32_t, double>> left;
  for (const Candidate& candidate : candidates_) left.emplace_back(candidate.id, candidate.p);
  return left;
}

Result<TokenChoice> Sampler::Sample(std::span<float> logits, std::span<const uint32_t> allowed) {
  BANTAM_TRY(const float largest, Largest(logits));
  double log_sum = 0;
  std::vector<TokenLogprob> top;
  std::vector<float> own;  // what the model itself said of the token that will be chosen
  if (params_.top_logprobs >= 0) {
    log_sum = LogSum(logits, largest);
    top = MostProbable(logits, static_cast<size_t>(params_.top_logprobs), log_sum);
    if (!params_.logit_bias.empty() || !seen_.empty() || !allowed.empty()) own.assign(logits.begin(), logits.end());
  }
  Penalise(logits, allowed);
  int32_t id = 0;
  if (params_.temperature == 0 || params_.top_k == 1) {
    id = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  } else {
    Narrow(logits);
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

// The tokens that top-k leaves, with their probabilities.
void Sampler::Collect(std::span<const float> logits) {
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == kNever) continue;
    candidates_.push_back({static_cast<int32_t>(i), logits[i], 0});
  }
  if (params_.top_k > 0 && static_cast<size_t>(params_.top_k) < candidates_.size()) {
    KeepMostProbable(static_cast<size_t>(params_.top_k));
  }
  float largest = kNever;
  for (const Candidate& candidate : candidates_) largest = std::max(largest, candidate.logit);
  const auto temperature = static_cast<double>(params_.temperature);
  for (Candidate& candidate : candidates_) {
    candidate.p = std::exp((static_cast<double>(candidate.logit) - static_cast<double>(largest)) / temperature);
  }
  Normalise();
}

void Sampler::KeepMostProbable(size_t count) {
  const auto middle = candidates_.begin() + static_cast<ptrdiff_t>(count);
  std::nth_element(candidates_.begin(), middle, candidates_.end(), Before<Candidate>);
  candidates_.resize(count);
  std::sort(candidates_.begin(), candidates_.end(), Before<Candidate>);
}

void Sampler::Normalise() {
  double sum = 0;
  for (const Candidate& candidate : candidates_) sum += candidate.p;
  for (Candidate& candidate : candidates_) candidate.p /= sum;
}

// A token stays as long as those before it do not add up to top_p.
void Sampler::ApplyTopP() {
  if (params_.top_p >= 1) return;
  // Few tokens hold most of the probability: sorting the whole vocabulary would take longer than a small model's step.
  size_t sorted = 0;
  double before = 0;
  for (size_t ahead = 64; sorted < candidates_.size(); ahead *= 8) {
    const size_t end = std::min(candidates_.size(), sorted + ahead);
    const auto from = candidates_.begin() + static_cast<ptrdiff_t>(sorted);
    std::partial_sort(from, candidates_.begin() + static_cast<ptrdiff_t>(end), candidates_.end(), Before<Candidate>);
    for (; sorted < end; ++sorted) {
      if (sorted > 0 && before >= static_cast<double>(params_.top_p)) {
        candidates_.resize(sorted);
        return Normalise();
      }
      before += candidates_[sorted].p;
    }
  }
}

void Sampler::ApplyMinP() {
  if (params_.min_p <= 0) return;
  double largest = 0;
  for (const Candidate& candidate : candidates_) largest = std::max(largest, candidate.p);
  std::erase_if(candidates_,
                [&](const Candidate& candidate) { return candidate.p < static_cast<double>(params_.min_p) * largest; });
  Normalise();
}

void Sampler::ApplyTypical() {
  if (params_.typical_p >= 1) return;
  double entropy = 0;
  for (const Candidate& candidate : candidates_) {
    if (candidate.p > 0) entropy -= candidate.p * std::log(candidate.p);
  }
  const auto distance = [&](const Candidate& candidate) {
    return candidate.p > 0 ? std::abs(-std::log(candidate.p) - entropy) : std::numeric_limits<double>::infinity();
  };
  std::sort(candidates_.begin(), candidates_.end(), [&](const Candidate& a, const Candidate& b) {
    const double first = distance(a), second = distance(b);
    return first != second ? first < second : Before(a, b);
  });
  size_t kept = 0;
  for (double sum = 0; kept < candidates_.size() && sum < static_cast<double>(params_.typical_p); ++kept) {
    sum += candidates_[kept].p;
  }
  candidates_.resize(std::max<size_t>(kept, 1));
  Normalise();
}

// In the candidates' order, which follows from the logits alone.
int32_t Sampler::Draw() const {
  double rest = UniformAt(params_.seed, num_drawn_);
  for (const Candidate& candidate : candidates_) {
    rest -= candidate.p;
    if (rest < 0) return candidate.id;
  }
  // Rounding left a little: the last that can be.
  for (size_t i = candidates_.size(); i > 0; --i) {
    if (candidates_[i - 1].p > 0) return candidates_[i - 1].id;
  }
  return candidates_.front().id;
}

}  // namespace bantam
