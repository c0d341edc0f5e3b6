#include "learn/head.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "learn/calibration.h"
#include "learn/vector_math.h"

namespace bantam {

EncoderIdentity IdentityOf(const Embedder& embedder) {
  return {embedder.model_name(), embedder.weights_sha256(),
          std::string(WeightTypeName(embedder.encoder().weight_type())), embedder.middle_layer() > 0 ? 2 : 1};
}

namespace {

// Labels by logit, their probabilities, and the confidence that P(in scope) leaves.
Prediction PredictionOf(std::span<const float> logits, double temperature, double in_scope,
                        const HeadMetadata& metadata) {
  constexpr size_t kRanked = 5;
  Prediction prediction;
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t ranked = std::min(kRanked, logits.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(ranked), order.end(),
                    [&](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  const std::vector<double> probabilities = Softmax(logits, temperature);
  for (size_t i = 0; i < ranked; ++i)
    prediction.ranking.push_back({order[i], static_cast<float>(probabilities[static_cast<size_t>(order[i])])});
  for (int label = 0; label < static_cast<int>(logits.size()); ++label) {
    if (label == order[0] || probabilities[static_cast<size_t>(label)] >= metadata.set_probability)
      prediction.prediction_set.push_back(label);
  }
  std::stable_sort(prediction.prediction_set.begin(), prediction.prediction_set.end(),
                   [&](int a, int b) { return logits[a] > logits[b]; });
  prediction.label = order[0];
  prediction.probability = prediction.ranking[0].probability;
  // Not below what a float near 1 can tell, so that both say the same of what is very far away.
  in_scope = std::max(in_scope, 0x1p-24);
  prediction.out_of_scope = static_cast<float>(1 - in_scope);
  prediction.confidence = static_cast<float>(prediction.probability * in_scope);
  prediction.accepted = prediction.confidence >= metadata.threshold;
  return prediction;
}

}  // namespace

std::vector<float> Head::InputOf(std::span<const float> embedding) const {
  BANTAM_CHECK(embedding.size() == static_cast<size_t>(model_.dimensions),
               "an embedding of {} dimensions for a head of {}", embedding.size(), model_.dimensions);
  std::vector<float> x(embedding.size());
  input_.Prepare(embedding, x);
  return x;
}

Prediction Head::Predict(std::span<const float> embedding) const {
  const std::vector<float> x = InputOf(embedding);
  std::vector<float> logits(labels_.size());
  Logits(model_, x, logits);
  if (!std::all_of(logits.begin(), logits.end(), [](float z) { return std::isfinite(z); })) {
    Prediction prediction;
    prediction.label = 0;
    prediction.out_of_scope = 1;
    return prediction;
  }
  const double largest = *std::max_element(logits.begin(), logits.end());
  const double in_scope =
      scorer_.InScope({largest, NearestPrototype(prototypes_, x), NearestPrototype(out_of_scope_prototypes_, x),
                       NearestRoute(discriminant_, x)});
  return PredictionOf(logits, metadata_.temperature, in_scope, metadata_);
}

std::vector<double> Head::Probabilities(std::span<const float> embedding) const {
  std::vector<float> logits(labels_.size());
  Logits(model_, InputOf(embedding), logits);
  if (!std::ranges::all_of(logits, [](float z) { return std::isfinite(z); }))
    return std::vector<double>(logits.size(), 1.0 / static_cast<double>(logits.size()));
  return Softmax(logits, metadata_.temperature);
}

Prediction Head::PredictAtExit(size_t exit, const ExitReading& reading) const {
  const ExitHead& head = exits_.heads[exit];
  return PredictionOf(reading.logits, head.temperature, head.scope.InScope(reading.features), metadata_);
}

std::vector<CalibrationPoint> CalibrationOf(const Head& head, std::span<const LabelledText> messages,
                                            const EmbeddingMatrix& embeddings) {
  BANTAM_CHECK(embeddings.rows == messages.size());
  std::vector<CalibrationPoint> points;
  for (size_t i = 0; i < messages.size(); ++i) {
    const Prediction p = head.Predict(embeddings.row(i));
    points.push_back({p.label, p.confidence, head.labels()[static_cast<size_t>(p.label)] == messages[i].label});
  }
  return points;
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
