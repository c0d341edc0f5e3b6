// Measures encoders on one set of texts: vectors, the user's metric from them, and the time of a pass.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "learn/quant_data.h"
#include "models/encoder.h"
#include "tasks/embed.h"

namespace bantam {

struct QuantSpeed {
  double ms_16 = 0, ms_128 = 0;  // one sequence of so many tokens, median; 0 where the model takes fewer
};

class QuantProbe {
 public:
  // Tokenises the texts once.
  static Result<std::unique_ptr<QuantProbe>> Create(const ModelFolder& model, QuantData data, int max_positions,
                                                    int num_threads);

  const QuantData& data() const { return data_; }
  int num_threads() const { return num_threads_; }
  std::span<const std::vector<int32_t>> token_ids() const { return token_ids_; }

  // Pooled vectors of all texts, or of at most `sample` of them, evenly picked.
  Result<EmbeddingMatrix> Embed(EncoderEngine& engine, size_t sample,
                                const std::function<void(double fraction)>& progress) const;

  // Of embeddings of all texts, in percent; empty for sentences without labels or scores.
  Result<std::optional<double>> Metric(const EmbeddingMatrix& embeddings) const;
  std::string_view metric_name() const;  // "accuracy", "spearman", or ""

 private:
  QuantProbe() = default;
  QuantData data_;
  SentenceConfig sentence_;
  std::vector<std::vector<int32_t>> token_ids_;
  int num_threads_ = 0;
};

struct CosineFigures {
  double mean = 1, minimum = 1;
};
CosineFigures CompareRows(const EmbeddingMatrix& a, const EmbeddingMatrix& b);

// Alternating passes, so that a busy machine is as unkind to each.
std::vector<QuantSpeed> MeasureSpeed(const std::vector<const Encoder*>& encoders, int num_threads);

}  // namespace bantam
