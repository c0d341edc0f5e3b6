// How well a decoder predicts a text, and how far a smaller one's predictions lie from the original's.
//
//   BANTAM_TRY(const PerplexityFigures figures, MeasurePerplexity(*decoder, pool, ids, {}));
//   BANTAM_TRY(const DivergenceFigures apart, MeasureDivergence(*original, *smaller, pool, ids, {}));
//
// The text is cut into windows of `context` tokens, none of which sees another; the second half of each is scored, as
// llama.cpp's perplexity has it, so the figures can be compared.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/thread_pool.h"
#include "models/decoder.h"

namespace bantam {

struct PerplexityOptions {
  int context = 512;        // tokens of a window, from 8; at most what the model takes
  int32_t bos_id = -1;      // in place of the first token of each window; -1: nothing is
  size_t max_tokens = 0;    // of the text; 0: all of it
  KvType kv_type = kKvF32;  // of the cache; the original's is f32
  std::function<void(double fraction)> progress = {};
};

struct PerplexityFigures {
  double perplexity = 0;      // e to the mean of -log p(token | the window before it)
  double standard_error = 0;  // of the perplexity, tokens taken as independent
  size_t num_tokens = 0;      // scored
  size_t num_windows = 0;
};

// kInvalidArgument for a text shorter than one window, or a window longer than the model takes.
Result<PerplexityFigures> MeasurePerplexity(const Decoder& decoder, ThreadPool& pool, std::span<const int32_t> ids,
                                            const PerplexityOptions& options);

// What the original of a comparison is to be loaded as: block formats as they are, floats as floats.
WeightType TypeOfOriginal(const WeightSource& weights);

struct DivergenceFigures {
  PerplexityFigures original, other;
  double kl_mean = 0;   // of sum p log(p / q) over the scored tokens, in nats: p the original's
  double kl_p99 = 0;    // which one in a hundred exceeds
  double same_top = 0;  // the share of tokens where both find the same one most probable
};

// kInvalidArgument also where the two have different vocabularies.
Result<DivergenceFigures> MeasureDivergence(const Decoder& original, const Decoder& other, ThreadPool& pool,
                                            std::span<const int32_t> ids, const PerplexityOptions& options);

}  // namespace bantam
