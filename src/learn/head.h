// An intent head: multinomial logistic regression on a sentence embedding, with a calibrated confidence and an
// out-of-scope score. Stored as a safetensors file whose metadata says what it was trained on.
//
//   BANTAM_TRY(Head head, Head::Load(path));
//   Prediction p = head.Predict(embedding);     // p.confidence is calibrated: of answers at 0.9, about 90 % are right
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "tasks/embed.h"

namespace bantam {

inline constexpr std::string_view kOutOfScopeLabel = "oos";

struct LabelledText {
  std::string text;
  std::string label;  // kOutOfScopeLabel for out of scope
};

struct ScoredLabel {
  int label = -1;        // index into Head::labels()
  float probability = 0;
};

struct Prediction {
  int label = -1;                    // arg max over in-scope labels
  float probability = 0;             // of that label among the in-scope ones, temperature-calibrated
  float confidence = 0;              // what the router compares: calibrated P(in scope and label right)
  float out_of_scope = 0;            // 0..1, higher = less like anything known
  bool accepted = false;             // confidence >= the head's own threshold
  std::vector<ScoredLabel> ranking;  // best first, at most 5
};

struct HeadMetadata {
  std::string model;             // name of the encoder
  std::string weights_sha256;    // of the encoder; a head is refused for another one
  std::string weight_type;       // "int8"
  std::string examples_sha256;   // over the sorted labelled examples: when it differs, the head is stale
  double temperature = 1;
  double threshold = 0.5;        // the head's own, chosen on held-out folds
  double train_seconds = 0;
  int num_examples = 0;
};

// Immutable, cheap to move, thread-safe.
class Head {
 public:
  static Result<Head> Load(const Path& path);
  Status Save(const Path& path) const;  // atomic, byte-identical for identical training input
  Prediction Predict(std::span<const float> embedding) const;
  const std::vector<std::string>& labels() const { return labels_; }  // in-scope labels, sorted
  const HeadMetadata& metadata() const { return metadata_; }
  int dimensions() const { return dimensions_; }

 private:
  friend class HeadTrainer;
  std::vector<std::string> labels_;
  HeadMetadata metadata_;
  int dimensions_ = 0;
  std::vector<float> weights_;  // [labels, dimensions]
  std::vector<float> bias_;     // [labels]
  std::vector<float> out_of_scope_;  // the out-of-scope scorer's parameters; layout in head.cc
};

struct TrainOptions {
  double inverse_regularization = 10;  // C of scikit-learn's LogisticRegression
  int folds = 5;                       // for calibration and the threshold
  int max_iterations = 200;
  int num_threads = 0;
  std::function<void(std::string_view stage, double fraction)> progress;
};

std::string ExamplesSha256(std::span<const LabelledText> examples);

// embeddings.row(i) belongs to examples[i]. Deterministic: same input, same bytes, on any number of threads.
Result<Head> TrainHead(std::span<const LabelledText> examples, const EmbeddingMatrix& embeddings,
                       const Embedder& embedder, const TrainOptions& options);

// Lines {"text": ..., "label": ...}; errors name file and line. Also accepts {"text": ...} when `default_label` is given.
Result<std::vector<LabelledText>> ReadExamples(const Path& path, std::string_view default_label = {});

}  // namespace bantam
