#include "learn/perplexity.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "learn/decoder_pass.h"

namespace bantam {
namespace {

constexpr int kChunk = 64;  // rows whose logits are in memory at a time

// log sum exp, and the index of the largest.
struct Normaliser {
  double log_sum = 0;
  size_t top = 0;
};
Normaliser NormaliserOf(std::span<const float> logits) {
  const auto top = std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - *top);
  return {std::log(sum) + *top, static_cast<size_t>(top - logits.begin())};
}

struct Scores {
  std::vector<double> negative_logs;  // -log p of each scored token

  PerplexityFigures Figures(size_t num_windows) const {
    const auto count = static_cast<double>(negative_logs.size());
    const double mean = std::accumulate(negative_logs.begin(), negative_logs.end(), 0.0) / count;
    double squares = 0;
    for (const double one : negative_logs) squares += (one - mean) * (one - mean);
    const double perplexity = std::exp(mean);
    const double error = count > 1 ? std::sqrt(squares / (count - 1) / count) : 0;
    return {perplexity, perplexity * error, negative_logs.size(), num_windows};
  }
};

// Calls body(first scored position of the chunk, ids of the window, chunk) for each chunk of each window's second half;
// `forward(ids, num_cached, scored)` computes.
struct Windows {
  std::span<const int32_t> ids;
  const PerplexityOptions& options;
  size_t count = 0;

  static Result<Windows> Of(std::span<const int32_t> ids, const PerplexityOptions& options) {
    if (options.max_tokens > 0) ids = ids.first(std::min(ids.size(), options.max_tokens));
    const size_t count = ids.size() / static_cast<size_t>(std::max(options.context, 1));
    if (count == 0) {
      return Err(ErrorCode::kInvalidArgument,
                 "the text has {} tokens, less than one window of {}: take a longer text, or a smaller context",
                 ids.size(), options.context);
    }
    return Windows{ids, options, count};
  }

  template <typename Forward, typename Score>
  void Each(const Forward& forward, const Score& score) const {
    const auto context = static_cast<size_t>(options.context), half = context / 2;
    std::vector<int32_t> window;
    for (size_t w = 0; w < count; ++w) {
      window.assign(ids.begin() + static_cast<ptrdiff_t>(w * context),
                    ids.begin() + static_cast<ptrdiff_t>((w + 1) * context));
      if (options.bos_id >= 0) window.front() = options.bos_id;
      const std::span<const int32_t> all = window;
      forward(all.first(half), 0, 0);
      // The last token predicts one of the next window, which nobody scores.
      for (size_t at = half; at + 1 < context; at += kChunk) {
        const size_t rows = std::min<size_t>(kChunk, context - 1 - at);
        forward(all.subspan(at, rows), static_cast<int>(at), static_cast<int>(rows));
        score(all.subspan(at + 1, rows));
      }
      if (options.progress) options.progress(static_cast<double>(w + 1) / static_cast<double>(count));
    }
  }
};

}  // namespace

Result<PerplexityFigures> MeasurePerplexity(const Decoder& decoder, ThreadPool& pool, std::span<const int32_t> ids,
                                            const PerplexityOptions& options) {
  BANTAM_TRY(DecoderPass pass, DecoderPass::Create(decoder, pool, options.context, options.kv_type));
  BANTAM_TRY(const Windows windows, Windows::Of(ids, options));
  const auto vocab = static_cast<size_t>(decoder.vocab_size());
  std::span<float> logits;
  Scores scores;
  windows.Each([&](std::span<const int32_t> part, int cached, int scored) { logits = pass.Next(part, cached, scored); },
               [&](std::span<const int32_t> targets) {
                 const size_t first = scores.negative_logs.size();
                 scores.negative_logs.resize(first + targets.size());
                 pool.Run(static_cast<int>(targets.size()), [&](int i, int) {
                   const auto row = static_cast<size_t>(i);
                   const std::span<const float> own = logits.subspan(row * vocab, vocab);
                   scores.negative_logs[first + row] =
                       NormaliserOf(own).log_sum - own[static_cast<size_t>(targets[row])];
                 });
               });
  return scores.Figures(windows.count);
}

WeightType TypeOfOriginal(const WeightSource& weights) {
  for (const std::string& name : weights.Names()) {
    if (BlockOf(weights.Describe(name)->dtype).elements > 1) return WeightType::kBlocks;
  }
  return WeightType::kF32;
}

Result<DivergenceFigures> MeasureDivergence(const Decoder& original, const Decoder& other, ThreadPool& pool,
                                            std::span<const int32_t> ids, const PerplexityOptions& options) {
  if (original.vocab_size() != other.vocab_size()) {
    return Err(ErrorCode::kInvalidArgument, "one model has {} tokens, the other {}: only copies can be compared",
               original.vocab_size(), other.vocab_size());
  }
  BANTAM_TRY(DecoderPass first, DecoderPass::Create(original, pool, options.context));
  BANTAM_TRY(DecoderPass second, DecoderPass::Create(other, pool, options.context, options.kv_type));
  BANTAM_TRY(const Windows windows, Windows::Of(ids, options));
  const auto vocab = static_cast<size_t>(original.vocab_size());
  std::span<float> p_logits, q_logits;
  Scores p_scores, q_scores;
  std::vector<double> divergences;
  std::vector<uint8_t> same;
  windows.Each(
      [&](std::span<const int32_t> part, int cached, int scored) {
        p_logits = first.Next(part, cached, scored);
        q_logits = second.Next(part, cached, scored);
      },
      [&](std::span<const int32_t> targets) {
        const size_t begin = divergences.size(), end = begin + targets.size();
        for (auto* values : {&p_scores.negative_logs, &q_scores.negative_logs, &divergences}) values->resize(end);
        same.resize(end);
        pool.Run(static_cast<int>(targets.size()), [&](int i, int) {
          const auto row = static_cast<size_t>(i), target = static_cast<size_t>(targets[row]);
          const std::span<const float> p = p_logits.subspan(row * vocab, vocab),
                                       q = q_logits.subspan(row * vocab, vocab);
          const Normaliser p_norm = NormaliserOf(p), q_norm = NormaliserOf(q);
          p_scores.negative_logs[begin + row] = p_norm.log_sum - p[target];
          q_scores.negative_logs[begin + row] = q_norm.log_sum - q[target];
          double kl = 0;
          for (size_t v = 0; v < vocab; ++v) {
            const double log_p = p[v] - p_norm.log_sum;
            kl += std::exp(log_p) * (log_p - (q[v] - q_norm.log_sum));
          }
          divergences[begin + row] = std::max(kl, 0.0);
          same[begin + row] = p_norm.top == q_norm.top;
        });
      });
  DivergenceFigures figures{.original = p_scores.Figures(windows.count), .other = q_scores.Figures(windows.count)};
  const auto count = static_cast<double>(divergences.size());
  figures.kl_mean = std::accumulate(divergences.begin(), divergences.end(), 0.0) / count;
  figures.same_top = std::accumulate(same.begin(), same.end(), 0.0) / count;
  const auto p99 = divergences.begin() + static_cast<ptrdiff_t>(0.99 * (count - 1));
  std::nth_element(divergences.begin(), p99, divergences.end());
  figures.kl_p99 = *p99;
  return figures;
}

}  // namespace bantam
