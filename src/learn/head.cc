#include "learn/head.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "learn/vector_math.h"

namespace bantam {

EncoderIdentity IdentityOf(const Embedder& embedder) {
  return {embedder.model_name(), embedder.weights_sha256(),
          std::string(WeightTypeName(embedder.encoder().weight_type()))};
}

Prediction Head::Predict(std::span<const float> embedding) const {
  BANTAM_CHECK(embedding.size() == static_cast<size_t>(model_.dimensions),
               "an embedding of {} dimensions for a head of {}", embedding.size(), model_.dimensions);
  constexpr size_t kRanked = 5;
  const size_t num_labels = labels_.size();
  std::vector<float> logits(num_labels);
  Logits(model_, embedding, logits);
  Prediction prediction;
  if (!std::all_of(logits.begin(), logits.end(), [](float z) { return std::isfinite(z); })) {
    prediction.label = 0;
    prediction.out_of_scope = 1;
    return prediction;
  }

  std::vector<int> order(num_labels);
  std::iota(order.begin(), order.end(), 0);
  const size_t ranked = std::min(kRanked, num_labels);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(ranked), order.end(),
                    [&](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  const double largest = logits[order[0]];
  double sum = 0;
  for (const float z : logits) sum += std::exp((z - largest) / metadata_.temperature);
  for (size_t i = 0; i < ranked; ++i) {
    const double p = std::exp((logits[order[i]] - largest) / metadata_.temperature) / sum;
    prediction.ranking.push_back({order[i], static_cast<float>(p)});
  }
  const double in_scope = scorer_.InScope(
      {largest, NearestPrototype(prototypes_, embedding), NearestPrototype(out_of_scope_prototypes_, embedding)});
  prediction.label = order[0];
  prediction.probability = prediction.ranking[0].probability;
  prediction.out_of_scope = static_cast<float>(1 - in_scope);
  prediction.confidence = static_cast<float>(prediction.probability * in_scope);
  prediction.accepted = prediction.confidence >= metadata_.threshold;
  return prediction;
}

Status Head::CheckEncoder(const EncoderIdentity& encoder) const {
  const EncoderIdentity& ours = metadata_.encoder;
  if (ours == encoder) return Ok();
  const auto name = [](const EncoderIdentity& e) {
    return fmt::format("{} in {} (weights {:.12})", e.model, e.weight_type, e.weights_sha256);
  };
  return Err(ErrorCode::kConflict,
             "the head was trained on vectors of {}, the encoder is {}; load that encoder or train again", name(ours),
             name(encoder));
}

}  // namespace bantam
