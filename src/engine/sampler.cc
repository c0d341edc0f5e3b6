#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "base/check.h"
#include "kernels/isa.h"

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

// A vocabulary has 50,000 tokens or 250,000, and a small model a step of a few milliseconds: whatever looks at every
// logit does so in vectors, four floats on any processor.
using Four = float __attribute__((vector_size(16)));
using FourInts = int32_t __attribute__((vector_size(16)));

Four LoadFour(const float* p) {
  Four values;
  std::memcpy(&values, p, sizeof values);
  return values;
}

// out[i] = function(x[i]); out may be x.
template <typename Function>
void InFours(std::span<const float> x, std::span<float> out, const Function& function) {
  size_t i = 0;
  for (; i + 4 <= x.size(); i += 4) {
    const Four values = function(LoadFour(&x[i]));
    std::memcpy(&out[i], &values, sizeof values);
  }
  for (; i < x.size(); ++i) out[i] = function(Four{} + x[i])[0];
}

// The place of the largest, of equal ones of the first. Nothing where one is infinite or not a number.
std::optional<size_t> PlaceOfLargest(std::span<const float> x) {
  constexpr size_t kBlock = 256;
  const Four never = Four{} + kNever;
  FourInts fine = ~FourInts{};
  float largest = kNever;
  size_t begin = 0;  // of the block that has it
  for (size_t first = 0; first < x.size(); first += kBlock) {
    const size_t end = std::min(x.size(), first + kBlock);
    std::array<Four, 4> tops = {never, never, never, never};
    size_t i = first;
    for (; i + 16 <= end; i += 16) {
      for (size_t k = 0; k < 4; ++k) {
        const Four values = LoadFour(&x[i + 4 * k]);
        tops[k] = values > tops[k] ? values : tops[k];
        fine &= values < -never;
      }
    }
    float here = kNever;
    for (const Four& top : tops) here = std::max({here, top[0], top[1], top[2], top[3]});
    for (; i < end; ++i) {
      if (!(x[i] < -kNever)) return std::nullopt;
      here = std::max(here, x[i]);
    }
    if (here > largest) largest = here, begin = first;
  }
  if ((fine[0] & fine[1] & fine[2] & fine[3]) == 0) return std::nullopt;
  return static_cast<size_t>(std::find(x.begin() + static_cast<ptrdiff_t>(begin), x.end(), largest) - x.begin());
}

Result<size_t> MostProbable(std::span<const float> logits) {
  BANTAM_CHECK(!logits.empty());
  const std::optional<size_t> place = PlaceOfLargest(logits);
  if (!place) return Err(ErrorCode::kCorrupt, "the model's logits are not finite: its weights are damaged");
  if (logits[*place] == kNever)
    return Err(ErrorCode::kCorrupt, "the model gives no token a probability: its weights are damaged");
  return *place;
}

// Most probable first; of equal ones the lower id, so that an order exists whatever came before.
template <typename T>
bool Before(const T& a, const T& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

struct Row {
  int32_t id;
  float logit;
};

// The first `count` in that order.
std::vector<Row> FirstOf(std::span<const float> logits, size_t count) {
  std::vector<Row> best;  // a heap whose front is the last of them
  count = std::min(count, logits.size());
  if (count == 0) return {};
  for (size_t i = 0; i < logits.size(); ++i) {
    if (best.size() == count) {
      if (logits[i] <= best.front().logit) continue;
      std::pop_heap(best.begin(), best.end(), Before<Row>);
      best.pop_back();
    }
    best.push_back({static_cast<int32_t>(i), logits[i]});
    std::push_heap(best.begin(), best.end(), Before<Row>);
  }
  std::ranges::sort(best, Before<Row>);
  return best;
}

// weights[i] = exp((x[i] - largest x) * factor); returns their sum.
float Exponentials(std::span<const float> x, float factor, std::span<float> weights) {
  return (*SelectKernels())->table.softmax(x.data(), weights.data(), static_cast<int>(x.size()), factor);
}

// The same without the smallest: what is less than e^-86 counts as 0. Processors take a hundred times as long where a
// result is denormal, and of the tokens that a constraint does not allow each would be.
void Weigh(std::span<const float> logits, float largest, float temperature, std::span<float> weights) {
  // Apart from the largest as floats are, however low the temperature.
  const float floor = largest - std::max(86 * temperature, 1e-3f * (1 + std::abs(largest)));
  InFours(logits, weights, [floor](Four x) { return x > floor ? x : Four{} + floor; });
  Exponentials(weights, std::min(1 / temperature, 1e30f), weights);
  InFours(weights, weights, [](Four x) { return x > 5e-38f ? x : Four{}; });
}

// The logits of all other tokens become minus infinity. By words: of most places in a grammar nearly all are full or
// empty.
void KeepAllowed(std::span<float> logits, std::span<const uint32_t> allowed) {
  const Four never = Four{} + kNever;
  for (size_t begin = 0; begin < logits.size(); begin += 32) {
    const uint32_t word = allowed[begin / 32];
    if (word == UINT32_MAX) continue;
    const std::span<float> row = logits.subspan(begin, std::min<size_t>(32, logits.size() - begin));
    if (word == 0) {
      std::ranges::fill(row, kNever);
      continue;
    }
    size_t i = 0;
    for (; i + 4 <= row.size(); i += 4) {
      const FourInts bits = FourInts{} + static_cast<int32_t>(word >> i);
      const Four kept = (bits & FourInts{1, 2, 4, 8}) != 0 ? LoadFour(&row[i]) : never;
      std::memcpy(&row[i], &kept, sizeof kept);
    }
    for (; i < row.size(); ++i) {
      if ((word >> i & 1) == 0) row[i] = kNever;
    }
  }
}

double Sum(std::span<const float> x) {
  std::array<double, 4> sums{};
  size_t i = 0;
  for (; i + 4 <= x.size(); i += 4) {
    for (size_t k = 0; k < 4; ++k) sums[k] += static_cast<double>(x[i + k]);
  }
  for (; i < x.size(); ++i) sums[0] += static_cast<double>(x[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace

// log(sum(exp(logits))), in pieces that lie in the nearest cache.
Result<double> LogSumExp(std::span<const float> logits) {
  BANTAM_TRY(const size_t place, MostProbable(logits));
  const auto largest = static_cast<double>(logits[place]);
  std::array<float, 1024> weights;
  double sum = 0;
  for (; !logits.empty(); logits = logits.subspan(std::min(weights.size(), logits.size()))) {
    const std::span<const float> piece = logits.first(std::min(weights.size(), logits.size()));
    const float top = piece[*PlaceOfLargest(piece)];
    if (top == kNever) continue;
    sum += static_cast<double>(Exponentials(piece, 1, weights)) * std::exp(static_cast<double>(top) - largest);
  }
  return std::log(sum) + largest;
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
  if (!allowed.empty()) KeepAllowed(logits, allowed);
}

void Sampler::Narrow(std::span<const float> logits, float largest) {
  candidates_.clear();
  const auto most = static_cast<size_t>(params_.top_k);
  narrowed_ = most > 0 && most < logits.size();
  if (narrowed_) {
    const auto temperature = static_cast<double>(params_.temperature);
    for (const Row& row : FirstOf(logits, most)) {
      if (row.logit == kNever) break;
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
  const size_t place = *PlaceOfLargest(logits);
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
    for (const Row& row : FirstOf(logits, static_cast<size_t>(params_.top_logprobs)))
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
    if (weights_[i] < at_least || logits[i] == kNever) continue;
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
  KeepFirst(params_.top_p, Before<Candidate>);
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
    return a.distance != b.distance ? a.distance < b.distance : Before(a, b);
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
