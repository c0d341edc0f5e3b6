#include "engine/logits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/check.h"
#include "kernels/isa.h"

namespace bantam {
namespace {

// Vectors that any processor has.
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
  const Four never = Four{} + kNoLogit;
  FourInts fine = ~FourInts{};
  float largest = kNoLogit;
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
    float here = kNoLogit;
    for (const Four& top : tops) here = std::max({here, top[0], top[1], top[2], top[3]});
    for (; i < end; ++i) {
      if (!(x[i] < -kNoLogit)) return std::nullopt;
      here = std::max(here, x[i]);
    }
    if (here > largest) largest = here, begin = first;
  }
  if ((fine[0] & fine[1] & fine[2] & fine[3]) == 0) return std::nullopt;
  return static_cast<size_t>(std::find(x.begin() + static_cast<ptrdiff_t>(begin), x.end(), largest) - x.begin());
}

// weights[i] = exp((x[i] - largest x) * factor); returns their sum.
float Exponentials(std::span<const float> x, float factor, std::span<float> weights) {
  return (*SelectKernels())->table.softmax(x.data(), weights.data(), static_cast<int>(x.size()), factor);
}

}  // namespace

Result<size_t> MostProbable(std::span<const float> logits) {
  BANTAM_CHECK(!logits.empty());
  const std::optional<size_t> place = PlaceOfLargest(logits);
  if (!place) return Err(ErrorCode::kCorrupt, "the model's logits are not finite: its weights are damaged");
  if (logits[*place] == kNoLogit)
    return Err(ErrorCode::kCorrupt, "the model gives no token a probability: its weights are damaged");
  return *place;
}

std::vector<LogitRow> FirstOf(std::span<const float> logits, size_t count) {
  std::vector<LogitRow> best;  // a heap whose front is the last of them
  count = std::min(count, logits.size());
  if (count == 0) return {};
  for (size_t i = 0; i < logits.size(); ++i) {
    if (best.size() == count) {
      if (logits[i] <= best.front().logit) continue;
      std::pop_heap(best.begin(), best.end(), MoreProbable<LogitRow>);
      best.pop_back();
    }
    best.push_back({static_cast<int32_t>(i), logits[i]});
    std::push_heap(best.begin(), best.end(), MoreProbable<LogitRow>);
  }
  std::ranges::sort(best, MoreProbable<LogitRow>);
  return best;
}

void Weigh(std::span<const float> logits, float largest, float temperature, std::span<float> weights) {
  // Apart from the largest as floats are, however low the temperature.
  const float floor = largest - std::max(86 * temperature, 1e-3f * (1 + std::abs(largest)));
  InFours(logits, weights, [floor](Four x) { return x > floor ? x : Four{} + floor; });
  Exponentials(weights, std::min(1 / temperature, 1e30f), weights);
  InFours(weights, weights, [](Four x) { return x > 5e-38f ? x : Four{}; });
}

void KeepAllowed(std::span<float> logits, std::span<const uint32_t> allowed) {
  const Four never = Four{} + kNoLogit;
  for (size_t begin = 0; begin < logits.size(); begin += 32) {
    const uint32_t word = allowed[begin / 32];
    if (word == UINT32_MAX) continue;
    const std::span<float> row = logits.subspan(begin, std::min<size_t>(32, logits.size() - begin));
    if (word == 0) {
      std::ranges::fill(row, kNoLogit);
      continue;
    }
    size_t i = 0;
    for (; i + 4 <= row.size(); i += 4) {
      const FourInts bits = FourInts{} + static_cast<int32_t>(word >> i);
      const Four kept = (bits & FourInts{1, 2, 4, 8}) != 0 ? LoadFour(&row[i]) : never;
      std::memcpy(&row[i], &kept, sizeof kept);
    }
    for (; i < row.size(); ++i) {
      if ((word >> i & 1) == 0) row[i] = kNoLogit;
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

// In pieces that lie in the nearest cache.
Result<double> LogSumExp(std::span<const float> logits) {
  BANTAM_TRY(const size_t place, MostProbable(logits));
  const auto largest = static_cast<double>(logits[place]);
  std::array<float, 1024> weights;
  double sum = 0;
  for (; !logits.empty(); logits = logits.subspan(std::min(weights.size(), logits.size()))) {
    const std::span<const float> piece = logits.first(std::min(weights.size(), logits.size()));
    const float top = piece[*PlaceOfLargest(piece)];
    if (top == kNoLogit) continue;
    sum += static_cast<double>(Exponentials(piece, 1, weights)) * std::exp(static_cast<double>(top) - largest);
  }
  return std::log(sum) + largest;
}

}  // namespace bantam
