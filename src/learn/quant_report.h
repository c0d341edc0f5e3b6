// What a quantisation cost and won: printed, and stored with the model that was written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "layers/weight_type.h"
#include "learn/quant_data.h"

namespace bantam {

struct QuantFigures {
  std::optional<double> metric;  // percent
  double ms_16 = 0, ms_128 = 0;  // 0: the model takes no sequence so long
  uint64_t file_bytes = 0;       // of all tensors
  uint64_t memory_bytes = 0;     // of the packed weights
};

// A layer by the names of its tensors, and how much it suffers alone.
struct QuantLayer {
  std::string name;
  WeightType type = WeightType::kF32;  // what the written model has
  uint64_t num_weights = 0;
  std::optional<double> loss;  // 1 - mean cosine to the original's vectors with this layer alone at the asked type
};

struct QuantReport {
  std::string model, weights_sha256;  // the original
  WeightType type = WeightType::kInt8;
  QuantTask task = QuantTask::kSentences;
  std::string data_file, data_sha256, metric;  // empty for the built-in sentences
  size_t num_texts = 0;
  QuantFigures before, after;
  double cosine_mean = 1, cosine_min = 1;  // of the written model's vectors to the original's
  std::optional<double> drop, max_drop;    // points
  std::vector<QuantLayer> layers;
  std::string isa;
  int threads = 0, trials = 0;
  double seconds = 0;

  // Layers above the asked type, in the model's order.
  std::vector<const QuantLayer*> Kept() const;
};

json::object ToJsonObject(const QuantReport& report);

}  // namespace bantam
