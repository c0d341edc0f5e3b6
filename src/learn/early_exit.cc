#include "learn/early_exit.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text_util.h"
#include "learn/binomial.h"
#include "learn/vector_math.h"

namespace bantam {

ExitFeatures FeaturesOfLogits(std::span<const float> logits) {
  float best = logits[0], second = logits[1];
  if (second > best) std::swap(best, second);
  for (size_t i = 2; i < logits.size(); ++i) {
    if (logits[i] > best) {
      second = best;
      best = logits[i];
    } else {
      second = std::max(second, logits[i]);
    }
  }
  return {best, static_cast<double>(best) - second, 0};
}

ExitReading ReadExit(const ExitHead& exit, std::span<const float> pooled) {
  std::vector<float> x(pooled.size());
  Standardize(exit.scale, pooled, x);
  ExitReading reading;
  reading.logits.resize(static_cast<size_t>(exit.model.num_labels));
  Logits(exit.model, x, reading.logits);
  // Features of a NaN would be those of the logits beside it.
  if (!std::all_of(reading.logits.begin(), reading.logits.end(), [](float z) { return std::isfinite(z); }))
    return reading;
  reading.features = FeaturesOfLogits(reading.logits);
  reading.certainty = exit.agreement.InScope(reading.features);
  return reading;
}

std::optional<double> ExitPlan::CertaintyFor(double max_disagreement) const {
  std::optional<double> certainty;
  for (const ExitLevel& level : levels) {
    if (level.disagreement > max_disagreement) break;
    certainty = level.certainty;
  }
  return heads.empty() ? std::nullopt : certainty;
}

Result<double> ParseDisagreement(std::string_view text) {
  if (text == "off") return 0.0;
  double percent = 0;
  const char* last = text.data() + text.size() - (text.ends_with('%') ? 1 : 0);
  const auto [end, error] = std::from_chars(text.data(), last, percent);
  // Without the sign it could as well be meant as a share.
  if (!text.ends_with('%') || error != std::errc() || end != last || !(percent > 0 && percent <= 5)) {
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" is no disagreement to allow of early exits; write a percentage above 0% and at most 5%, such as "
               "0.5%, or off",
               EscapeForTerminal(text, 40));
  }
  return percent / 100;
}

int ExitOf(const ExitTrace& trace, double certainty) {
  for (size_t exit = 0; exit < trace.certainty.size(); ++exit) {
    if (trace.certainty[exit] >= certainty) return static_cast<int>(exit);
  }
  return -1;
}

std::vector<ExitLevel> MeasureExits(std::span<const ExitTrace> traces, double highest) {
  // Logits of the certainty: 0.9999 down to 0.5.
  constexpr double kFirst = 9.2, kStep = 0.1;
  constexpr double kConfidence = 0.95;
  std::vector<ExitLevel> levels;
  double largest = 0;
  for (int step = 0; kFirst - step * kStep >= 0; ++step) {
    const double certainty = Sigmoid(kFirst - step * kStep);
    int64_t in_scope = 0, strangers = 0, wrong = 0, wrong_strangers = 0;
    for (const ExitTrace& trace : traces) {
      const int exit = ExitOf(trace, certainty);
      const bool disagrees = exit >= 0 && !trace.agrees[static_cast<size_t>(exit)];
      (trace.out_of_scope ? strangers : in_scope) += 1;
      (trace.out_of_scope ? wrong_strangers : wrong) += disagrees ? 1 : 0;
    }
    if (in_scope == 0) break;
    largest = std::max(largest, BinomialUpperBound(wrong, in_scope, kConfidence));
    if (strangers > 0)
      largest = std::max(largest, static_cast<double>(wrong_strangers) / static_cast<double>(strangers));
    if (largest > highest) break;
    levels.push_back({certainty, largest});
  }
  return levels;
}

}  // namespace bantam
