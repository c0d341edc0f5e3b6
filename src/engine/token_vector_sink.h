// Who reads every token of a sequence, and not one pooled vector.
#pragma once

#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>

namespace bantam {

// A NaN in any weight that matters for this text ends in the sum.
inline bool IsFinite(std::span<const float> values) { return std::isfinite(std::reduce(values.begin(), values.end())); }

// Takes the vectors of every token in place of a pooled one: for heads, and for embeddings of tokens.
class TokenVectorSink {
 public:
  virtual ~TokenVectorSink() = default;
  // hidden: [num_tokens, hidden_size] of sequence `index` of the list, the last layer's output; valid during the call.
  // Once for each sequence that was computed, before the job is done. Several at a time, on the engine's threads: it
  // must not throw, nor wait for the engine.
  virtual void Take(size_t index, std::span<const float> hidden) noexcept = 0;
};

}  // namespace bantam
