#include "learn/prompt_scores.h"

#include <algorithm>
#include <cmath>

#include "learn/decoder_pass.h"

namespace bantam {
namespace {

// Rows of logits at once: with a vocabulary of 150,000 they are 19 MB.
constexpr size_t kPiece = 32;
constexpr int kLeastContext = 8;  // of a pass

Result<TokenChoice> Score(std::span<const float> logits, int32_t id, size_t top) {
  float largest = logits[0];
  for (const float logit : logits) {
    if (!std::isfinite(logit) && !(logit < 0))
      return Err(ErrorCode::kCorrupt, "the model's logits are not finite: its weights are damaged");
    largest = std::max(largest, logit);
  }
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - static_cast<double>(largest));
  const double log_sum = static_cast<double>(largest) + std::log(sum);
  const auto logprob = [&](int32_t token) {
    return static_cast<float>(static_cast<double>(logits[static_cast<size_t>(token)]) - log_sum);
  };
  TokenChoice choice{.id = id, .logprob = logprob(id)};
  std::vector<int32_t> order;
  const auto before = [&](int32_t a, int32_t b) {
    const float first = logits[static_cast<size_t>(a)], second = logits[static_cast<size_t>(b)];
    return first != second ? first > second : a < b;
  };
  for (int32_t token = 0; top > 0 && token < static_cast<int32_t>(logits.size()); ++token) {
    if (order.size() == top && !before(token, order.back())) continue;
    if (order.size() == top) order.pop_back();
    order.insert(std::ranges::upper_bound(order, token, before), token);
  }
  for (const int32_t token : order) choice.top.push_back({token, logprob(token)});
  return choice;
}

}  // namespace

Result<std::vector<TokenChoice>> ScorePrompt(const Decoder& decoder, std::span<const int32_t> ids,
                                             const PromptScoreOptions& options) {
  std::vector<TokenChoice> scores;
  if (ids.size() < 2) return scores;
  const size_t count = ids.size() - 1;  // nothing is asked of what follows the last
  ThreadPool pool(options.num_threads);
  const int context = std::max(kLeastContext, static_cast<int>(count));
  BANTAM_TRY(DecoderPass pass, DecoderPass::Create(decoder, pool, context, options.kv_type));
  const auto width = static_cast<size_t>(decoder.vocab_size());
  for (size_t begin = 0; begin < count; begin += kPiece) {
    if (options.stop && options.stop()) return Err(ErrorCode::kCancelled, "the request was cancelled");
    if (MonotonicNow() > options.deadline)
      return Err(ErrorCode::kDeadline, "the deadline passed after {} tokens of the prompt", begin);
    const size_t rows = std::min(kPiece, count - begin);
    const std::span<const float> logits =
        pass.Next(ids.subspan(begin, rows), static_cast<int>(begin), static_cast<int>(rows), options.adapters);
    for (size_t row = 0; row < rows; ++row) {
      BANTAM_TRY(scores.emplace_back(),
                 Score(logits.subspan(row * width, width), ids[begin + row + 1], static_cast<size_t>(options.top)));
    }
  }
  return scores;
}

}  // namespace bantam
