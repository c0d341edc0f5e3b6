// An intent head: multinomial logistic regression on vectors of a text (head_vectors.h), with a calibrated confidence
// and an out-of-scope score. Stored as a safetensors file whose metadata says what it was trained on.
//
//   BANTAM_TRY(TrainedHead trained, TrainHead(examples, embeddings, IdentityOf(*embedder), {}));
//   BANTAM_RETURN_IF_ERROR(trained.head.Save(path));
//   BANTAM_TRY(Head head, Head::Load(path));
//   Prediction p = head.Predict(embedding);     // p.confidence is calibrated: of answers at 0.9, about 90 % are right
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "learn/discriminant.h"
#include "learn/early_exit.h"
#include "learn/error_budget.h"
#include "learn/examples.h"
#include "learn/head_vectors.h"
#include "learn/out_of_scope.h"
#include "learn/softmax_regression.h"
#include "tasks/embed.h"

namespace bantam {

// Whose vectors a head understands. Another model, other weights or another weight type make other vectors.
struct EncoderIdentity {
  std::string model;  // "all-MiniLM-L6-v2"
  std::string weights_sha256;
  std::string weight_type;  // "int8"
  int num_vectors = 1;      // side by side: 2 with that of a middle layer
  bool operator==(const EncoderIdentity&) const = default;
};
EncoderIdentity IdentityOf(const Embedder& embedder);

struct ScoredLabel {
  int label = -1;  // index into Head::labels()
  float probability = 0;
};

struct Prediction {
  int label = -1;          // arg max over in-scope labels
  float probability = 0;   // of that label if the message is in scope, temperature-calibrated
  float confidence = 0;    // what the router compares: P(in scope and label right) = probability * (1 - out_of_scope)
  float out_of_scope = 0;  // P(out of scope): 0..1, higher = less like anything known
  bool accepted = false;   // confidence >= the head's own threshold
  std::vector<ScoredLabel> ranking;  // best first, at most 5
  // The labels that it may be, best first, never empty but for vectors that are no numbers: of in-scope messages the
  // share kSetCoverage have the right one in it (split conformal sets; Vovk and others, Sadinle and others,
  // arXiv:1609.00451).
  std::vector<int> prediction_set;
};

inline constexpr double kSetCoverage = 0.95;

struct HeadMetadata {
  EncoderIdentity encoder;
  std::string examples_sha256;  // over the sorted labelled examples: when it differs, the head is stale
  double temperature = 1;
  double threshold = 0.5;           // the head's own, chosen on held-out folds
  double set_probability = 0;       // from which a label is in the prediction set; 0: too few examples to leave any out
  double out_of_scope_share = 0.2;  // assumed among messages
  double inverse_regularization = 10;
  int num_examples = 0;  // in scope, without hints
  int num_out_of_scope = 0;
  double max_disagreement = 0;  // wanted of early exits when it was trained; 0: none were tried
};

// Immutable, cheap to move, thread-safe.
class Head {
 public:
  // Strict: every name, type and size is checked; errors name the file and the field.
  static Result<Head> Load(const Path& path);
  Status Save(const Path& path) const;  // atomic, byte-identical for identical training input
  std::string Serialize() const;        // what Save writes
  std::string Sha256() const;           // of that, in hex: says which head decided

  // embedding: [dimensions()], as EmbedForHead gives it. One with a NaN or an infinity is out of scope.
  Prediction Predict(std::span<const float> embedding) const;
  // Of every label, if the message is in scope: what Prediction tells of the likeliest. [labels()]; the same for all
  // where the embedding has a NaN or an infinity.
  std::vector<double> Probabilities(std::span<const float> embedding) const;

  // Where a text may be decided before the last layer; empty for a head without exits.
  const ExitPlan& exits() const { return exits_; }
  // What exit number `exit` says, from its own layer's vector. `accepted` is at the head's own threshold.
  Prediction PredictAtExit(size_t exit, const ExitReading& reading) const;

  // What it would have answered to its own examples, had it not seen them: by models of the same training on other
  // folds. For Certify.
  const std::vector<CalibrationPoint>& calibration() const { return calibration_; }

  // kConflict, with the mend, when the head was trained on another encoder's vectors.
  Status CheckEncoder(const EncoderIdentity& encoder) const;

  const std::vector<std::string>& labels() const { return labels_; }  // in-scope labels, sorted
  const HeadMetadata& metadata() const { return metadata_; }
  int dimensions() const { return model_.dimensions; }

 private:
  friend class HeadTrainer;
  friend class HeadFile;
  std::vector<float> InputOf(std::span<const float> embedding) const;

  std::vector<std::string> labels_;
  HeadMetadata metadata_;
  HeadInput input_;
  SoftmaxModel model_;  // and the prototypes: of what input_ prepares
  Prototypes prototypes_, out_of_scope_prototypes_;
  Discriminant discriminant_;
  ScopeScorer scorer_;
  ExitPlan exits_;
  std::vector<CalibrationPoint> calibration_;
};

// The same on messages that were kept apart, such as labelled traffic: what a budget should rest on where there are
// any. embeddings.row(i) belongs to messages[i]; labels that the head does not have are out of scope to it.
std::vector<CalibrationPoint> CalibrationOf(const Head& head, std::span<const LabelledText> messages,
                                            const EmbeddingMatrix& embeddings);

struct TrainOptions {
  double inverse_regularization = 10;  // C of scikit-learn's LogisticRegression
  int folds = 0;                       // for calibration and the threshold; 0: 5, or 10 up to 2,000 examples
  int max_iterations = 200;
  double out_of_scope_share = 0.2;    // of the messages that will come; what `confidence` is calibrated for
  double max_false_rejection = 0.04;  // of held-out in-scope examples, at the head's own threshold
  double max_disagreement = 0.002;    // wanted of early exits, where vectors of earlier layers are given
  int num_threads = 0;                // 0: all this process may use
  std::function<void(std::string_view stage, double fraction)> progress;
};

// An example that models which have not seen it take for another label, and are sure: it may be labelled wrongly, or
// two labels may mean the same.
struct DoubtfulExample {
  int row = 0;  // of the examples
  int label = -1;
  double probability = 0;
};
inline constexpr size_t kMostDoubtful = 20;

// What the folds say about the head; every figure is of examples that the model had not seen.
struct TrainReport {
  double train_seconds = 0;  // wall time of TrainHead, folds included
  int iterations = 0;        // of the final model
  int folds = 0;
  int held_out = 0;                       // in-scope examples that the figures below are of
  double accuracy = 0;                    // arg max, before any rejection
  double ece = 0;                         // of `probability`, 15 bins
  double false_rejection = 0;             // at the threshold
  double out_of_scope_recall = 0;         // at the threshold; 0 without out-of-scope examples
  double set_size = 0;                    // labels in the prediction set, mean
  std::vector<DoubtfulExample> doubtful;  // surest first, at most kMostDoubtful
  bool enough_for_exits = false;          // held-out examples to show the wanted disagreement at all
};

struct TrainedHead {
  Head head;
  TrainReport report;
};

// The layers after which exits are worth trying: all but the last two, at most six of them, evenly spread.
std::vector<int> ExitLayers(int num_layers);

// embeddings.row(i) belongs to examples[i]. Deterministic: the same examples in any order give the same bytes, on any
// number of threads of one ISA level. Needs two in-scope labels, and one label with two different texts. With `layers`,
// ascending, of an encoder of `num_layers`, the head gets early exits, if there are enough examples to measure them.
Result<TrainedHead> TrainHead(std::span<const LabelledText> examples, const EmbeddingMatrix& embeddings,
                              const EncoderIdentity& encoder, const TrainOptions& options,
                              std::span<const LayerVectors> layers = {}, int num_layers = 0);

}  // namespace bantam
