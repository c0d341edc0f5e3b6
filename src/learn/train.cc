#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/clock.h"
#include "base/text_util.h"
#include "learn/calibration.h"
#include "learn/head.h"
#include "learn/metrics.h"
#include "learn/threshold.h"
#include "learn/train_exits.h"

namespace bantam {
namespace {

// Calibration asks less of a fold's model than prediction asks of the final one. A third of these makes no difference
// to any figure on CLINC150 and takes a quarter longer; three times the final one costs a tenth of a point of accuracy.
constexpr double kFoldTolerance = 1e-4;
constexpr double kFinalTolerance = 1e-5;
// Of what a fold starts from.
constexpr double kRoughTolerance = 3e-4;
constexpr int kSmallSet = 2000;
// So sure must models be that have not seen an example, before it is called doubtful.
constexpr double kDoubtful = 0.9;

// What the folds' models say about examples that they have not seen.
struct HeldOut {
  std::vector<int> rows;
  std::vector<ScopeFeatures> features;  // [rows]
  std::vector<float> logits;            // [rows, labels]
};

}  // namespace

class HeadTrainer {
 public:
  HeadTrainer(std::span<const LabelledText> examples, const EmbeddingMatrix& embeddings, const TrainOptions& options,
              const Kernels& kernels)
      : examples_(examples),
        embeddings_(embeddings),
        options_(options),
        kernels_(kernels),
        pool_(options.num_threads > 0 ? options.num_threads : ThreadPool::DefaultThreads()) {}

  Result<TrainedHead> Train(const EncoderIdentity& encoder, std::span<const LayerVectors> layers, int num_layers);

 private:
  Status Check() const;
  Status CheckLayers(std::span<const LayerVectors> layers, int num_layers) const;
  void AddExits(std::span<const LayerVectors> layers, int num_layers);
  Status SortRows();
  void PrepareInputs();
  std::optional<SoftmaxModel> RoughModel(int first_fold, int end_fold);
  void RunFold(int fold, const std::optional<SoftmaxModel>& start);
  Prototypes OutOfScopePrototypes(std::span<const int> rows);
  void Score(const SoftmaxModel& model, const Prototypes& prototypes, const Prototypes& strangers,
             const Discriminant& discriminant, std::span<const int> rows, HeldOut& out);
  void RunFinal();
  void Calibrate();
  void FitSets(std::span<const int> truth);
  void Progress(std::string_view stage, int fit, int iteration) const;

  std::span<const LabelledText> examples_;
  const EmbeddingMatrix& embeddings_;
  const TrainOptions& options_;
  const Kernels& kernels_;
  ThreadPool pool_;

  EmbeddingMatrix inputs_;  // embeddings_ as the regression sees them
  LabelIndex index_;
  std::vector<int> in_scope_, out_of_scope_;  // rows, by label and text: the order of lines must not change a bit
  std::vector<int> folds_;                    // [examples]
  int num_folds_ = 0, fits_done_ = 0;

  std::vector<SoftmaxModel> fold_models_;
  HeldOut held_in_scope_, held_out_of_scope_;
  std::vector<FullDecision> decisions_;  // [examples], once calibrated

  TrainedHead result_;
};

Status HeadTrainer::Check() const {
  if (embeddings_.rows != examples_.size() || embeddings_.values.size() != embeddings_.rows * embeddings_.columns) {
    return Err(ErrorCode::kInvalidArgument, "{} examples with {} embeddings of {} dimensions in {} values",
               examples_.size(), embeddings_.rows, embeddings_.columns, embeddings_.values.size());
  }
  const int num_vectors = result_.head.metadata_.encoder.num_vectors;
  if (num_vectors != 1 && (num_vectors != 2 || embeddings_.columns % 2 != 0)) {
    return Err(ErrorCode::kInvalidArgument, "{} vectors side by side in {} dimensions", num_vectors,
               embeddings_.columns);
  }
  if (examples_.empty()) return Err(ErrorCode::kInvalidArgument, "no examples to train on");
  if (examples_.size() > 10'000'000)
    return Err(ErrorCode::kTooLarge, "{} examples, the limit is 10,000,000", examples_.size());
  if (!(options_.inverse_regularization > 0)) {
    return Err(ErrorCode::kInvalidArgument, "inverse regularization C is {}, expected a number above 0",
               options_.inverse_regularization);
  }
  if (!(options_.out_of_scope_share > 0 && options_.out_of_scope_share < 1)) {
    return Err(ErrorCode::kInvalidArgument,
               "the share of out-of-scope messages is {}, expected a number between 0 and 1",
               options_.out_of_scope_share);
  }
  if (options_.folds != 0 && (options_.folds < 2 || options_.folds > 100)) {
    return Err(ErrorCode::kInvalidArgument, "{} folds, expected 2 to 100, or 0 for the default", options_.folds);
  }
  for (size_t i = 0; i < embeddings_.rows; ++i) {
    const std::span<const float> x = embeddings_.row(i);
    if (std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); })) continue;
    return Err(ErrorCode::kInvalidArgument, "the embedding of example {}, \"{}\", holds a value that is not a number",
               i + 1, EscapeForTerminal(examples_[i].text, 60));
  }
  return Ok();
}

Status HeadTrainer::SortRows() {
  index_ = IndexLabels(examples_);
  if (index_.labels.empty()) {
    return Err(ErrorCode::kInvalidArgument, "all {} examples are out of scope; a head needs at least two labels",
               examples_.size());
  }
  if (index_.labels.size() == 1) {
    return Err(ErrorCode::kInvalidArgument,
               "every example in scope has the label \"{}\"; a head needs at least two labels",
               EscapeForTerminal(index_.labels[0]));
  }
  std::vector<int> order(examples_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const auto& x = examples_[a];
    const auto& y = examples_[b];
    return std::tie(x.label, x.text, x.hint, a) < std::tie(y.label, y.text, y.hint, b);
  });
  for (int row : order) (index_.label_of[row] >= 0 ? in_scope_ : out_of_scope_).push_back(row);
  num_folds_ = options_.folds != 0 ? options_.folds : in_scope_.size() <= kSmallSet ? 10 : 5;
  folds_ = AssignFolds(examples_, num_folds_);
  if (std::none_of(in_scope_.begin(), in_scope_.end(), [&](int row) { return folds_[row] >= 0; })) {
    return Err(
        ErrorCode::kInvalidArgument,
        "no label has two different examples, so none can be held out to calibrate on; give each route at least two");
  }
  return Ok();
}

// The scale is taken without labels, so that held-out examples may be among those that it is taken from.
void HeadTrainer::PrepareInputs() {
  HeadInput& input = result_.head.input_;
  const EncoderIdentity& encoder = result_.head.metadata_.encoder;
  if (encoder.num_vectors == 2) input.middle = FitScale(embeddings_, embeddings_.columns / 2, in_scope_);
  inputs_ = {embeddings_.rows, embeddings_.columns, std::vector<float>(embeddings_.values.size())};
  pool_.Run(static_cast<int>(inputs_.rows), [&](int i, int) {
    const auto row = static_cast<size_t>(i);
    input.Prepare(embeddings_.row(row), std::span(inputs_.values).subspan(row * inputs_.columns, inputs_.columns));
  });
}

void HeadTrainer::Progress(std::string_view stage, int fit, int iteration) const {
  constexpr double kTypicalIterations = 70;
  if (!options_.progress) return;
  const double within = std::min(1.0, iteration / kTypicalIterations);
  options_.progress(stage, (fit + within) / (num_folds_ + 1));
}

// Of the examples of those folds alone. A fold that is not among them starts there: near its solution, which saves a
// tenth of the time, and without having seen what it will be tested on.
std::optional<SoftmaxModel> HeadTrainer::RoughModel(int first_fold, int end_fold) {
  std::vector<int> rows, labels;
  for (int row : in_scope_) {
    if (folds_[row] < first_fold || folds_[row] >= end_fold) continue;
    rows.push_back(row);
    labels.push_back(index_.label_of[row]);
  }
  if (rows.empty()) return std::nullopt;
  const SoftmaxOptions options{.inverse_regularization = options_.inverse_regularization,
                               .max_iterations = options_.max_iterations,
                               .tolerance = kRoughTolerance,
                               .start = nullptr,
                               .progress = {}};
  return FitSoftmax(inputs_, rows, labels, static_cast<int>(index_.labels.size()), options, kernels_, pool_).model;
}

void HeadTrainer::RunFold(int fold, const std::optional<SoftmaxModel>& start) {
  const int num_labels = static_cast<int>(index_.labels.size());
  std::vector<int> rows, labels, oos, held, held_oos;
  for (int row : in_scope_) {
    if (folds_[row] == fold) {
      held.push_back(row);
    } else {
      rows.push_back(row);
      labels.push_back(index_.label_of[row]);
    }
  }
  for (int row : out_of_scope_) {
    (folds_[row] == fold ? held_oos : oos).push_back(row);
  }
  if (held.empty()) return;  // fewer texts than folds; its out-of-scope examples, if any, are few as well
  SoftmaxOptions fit_options{.inverse_regularization = options_.inverse_regularization,
                             .max_iterations = options_.max_iterations,
                             .tolerance = kFoldTolerance,
                             .start = start ? &*start : nullptr,
                             .progress = [&](int iteration, double) { Progress("calibrating", fold, iteration); }};
  SoftmaxModel model = FitSoftmax(inputs_, rows, labels, num_labels, fit_options, kernels_, pool_).model;
  const Prototypes prototypes = MakePrototypes(inputs_, rows, labels, num_labels, Prototypes::kPerLabel, pool_);
  const Prototypes strangers = OutOfScopePrototypes(oos);

  const Discriminant discriminant = FitDiscriminant(inputs_, rows, labels, num_labels, kernels_, pool_);

  Score(model, prototypes, strangers, discriminant, held, held_in_scope_);
  Score(model, prototypes, strangers, discriminant, held_oos, held_out_of_scope_);
  fold_models_.push_back(std::move(model));
}

Prototypes HeadTrainer::OutOfScopePrototypes(std::span<const int> rows) {
  return MakePrototypes(inputs_, rows, std::vector<int>(rows.size()), 1, Prototypes::kOutOfScope, pool_);
}

void HeadTrainer::Score(const SoftmaxModel& model, const Prototypes& prototypes, const Prototypes& strangers,
                        const Discriminant& discriminant, std::span<const int> rows, HeldOut& out) {
  const size_t first = out.rows.size(), num_labels = static_cast<size_t>(model.num_labels);
  out.rows.insert(out.rows.end(), rows.begin(), rows.end());
  out.features.resize(out.rows.size());
  out.logits.resize(out.rows.size() * num_labels);
  pool_.Run(static_cast<int>(rows.size()), [&](int i, int) {
    const size_t at = first + static_cast<size_t>(i);
    const std::span<const float> x = inputs_.row(rows[i]);
    const std::span<float> logits(out.logits.data() + at * num_labels, num_labels);
    Logits(model, x, logits);
    out.features[at] = {*std::max_element(logits.begin(), logits.end()), NearestPrototype(prototypes, x),
                        NearestPrototype(strangers, x), NearestRoute(discriminant, x)};
  });
}

void HeadTrainer::RunFinal() {
  const int num_labels = static_cast<int>(index_.labels.size());
  std::vector<int> labels;
  for (int row : in_scope_) labels.push_back(index_.label_of[row]);
  // The folds' mean is near the solution and saves half of the iterations. The other way round, folds that start from
  // the final model, would let them remember what they are to be tested on.
  SoftmaxModel start = fold_models_.front();
  const float share = 1.0f / static_cast<float>(fold_models_.size());
  for (size_t i = 0; i < start.weights.size(); ++i) {
    float sum = 0;
    for (const SoftmaxModel& model : fold_models_) sum += model.weights[i];
    start.weights[i] = sum * share;
  }
  for (size_t i = 0; i < start.bias.size(); ++i) {
    float sum = 0;
    for (const SoftmaxModel& model : fold_models_) sum += model.bias[i];
    start.bias[i] = sum * share;
  }
  SoftmaxOptions fit_options{.inverse_regularization = options_.inverse_regularization,
                             .max_iterations = options_.max_iterations,
                             .tolerance = kFinalTolerance,
                             .start = &start,
                             .progress = [&](int iteration, double) { Progress("training", num_folds_, iteration); }};
  SoftmaxFit fit = FitSoftmax(inputs_, in_scope_, labels, num_labels, fit_options, kernels_, pool_);
  result_.report.iterations = fit.iterations;
  result_.head.model_ = std::move(fit.model);
  result_.head.prototypes_ = MakePrototypes(inputs_, in_scope_, labels, num_labels, Prototypes::kPerLabel, pool_);
  result_.head.out_of_scope_prototypes_ = OutOfScopePrototypes(out_of_scope_);
  result_.head.discriminant_ = FitDiscriminant(inputs_, in_scope_, labels, num_labels, kernels_, pool_);
}

void HeadTrainer::Calibrate() {
  HeadMetadata& metadata = result_.head.metadata_;
  ScopeScorer& scorer = result_.head.scorer_;
  const size_t num_labels = index_.labels.size();
  std::vector<int> truth;
  for (int row : held_in_scope_.rows) truth.push_back(index_.label_of[row]);
  metadata.temperature = FitTemperature(held_in_scope_.logits, truth, static_cast<int>(num_labels), pool_);
  scorer = FitScopeScorer(held_in_scope_.features, held_out_of_scope_.features, options_.out_of_scope_share);

  // As Head::Predict computes them, in the precision in which it compares.
  struct Scores {
    int label;
    double probability, confidence;
  };
  const auto scores_of = [&](const HeldOut& held) {
    std::vector<Scores> scores(held.rows.size());
    pool_.Run(static_cast<int>(scores.size()), [&](int i, int) {
      const auto at = static_cast<size_t>(i);
      const std::span<const float> z(held.logits.data() + at * num_labels, num_labels);
      const auto label = std::max_element(z.begin(), z.end()) - z.begin();
      const double probability = Softmax(z, metadata.temperature)[static_cast<size_t>(label)];
      scores[at] = {static_cast<int>(label), probability,
                    static_cast<float>(static_cast<float>(probability) * scorer.InScope(held.features[at]))};
    });
    return scores;
  };
  const std::vector<Scores> own = scores_of(held_in_scope_), strange = scores_of(held_out_of_scope_);
  std::vector<WeightedOutcome> by_probability, by_confidence;
  std::vector<int> labels;
  std::vector<CalibrationPoint>& calibration = result_.head.calibration_;
  double right = 0, rejected = 0, caught = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    const Scores& s = own[i];
    by_probability.push_back({s.probability, s.label == truth[i]});
    by_confidence.push_back({s.confidence, s.label == truth[i]});
    right += s.label == truth[i];
    labels.push_back(s.label);
    calibration.push_back({s.label, static_cast<float>(s.confidence), s.label == truth[i]});
    if (s.label != truth[i] && s.probability >= kDoubtful)
      result_.report.doubtful.push_back({held_in_scope_.rows[i], s.label, s.probability});
  }
  std::vector<double> strangers;
  decisions_.resize(examples_.size());
  for (size_t i = 0; i < held_out_of_scope_.rows.size(); ++i) {
    const Scores& s = strange[i];
    strangers.push_back(s.confidence);
    calibration.push_back({s.label, static_cast<float>(s.confidence), false});
    decisions_[held_out_of_scope_.rows[i]].label = s.label;
  }
  metadata.threshold =
      ChooseThreshold(by_confidence, strangers, options_.out_of_scope_share, options_.max_false_rejection);
  for (const WeightedOutcome& outcome : by_confidence) rejected += outcome.confidence < metadata.threshold;
  for (const double confidence : strangers) caught += confidence < metadata.threshold;
  for (size_t i = 0; i < truth.size(); ++i) {
    decisions_[held_in_scope_.rows[i]] = {labels[i], by_confidence[i].confidence >= metadata.threshold};
  }
  for (size_t i = 0; i < strangers.size(); ++i) {
    decisions_[held_out_of_scope_.rows[i]].accepted = strangers[i] >= metadata.threshold;
  }

  FitSets(truth);

  TrainReport& report = result_.report;
  std::stable_sort(report.doubtful.begin(), report.doubtful.end(),
                   [](const auto& a, const auto& b) { return a.probability > b.probability; });
  if (report.doubtful.size() > kMostDoubtful) report.doubtful.resize(kMostDoubtful);
  const double n = static_cast<double>(truth.size());
  report.folds = static_cast<int>(fold_models_.size());
  report.held_out = static_cast<int>(truth.size());
  report.accuracy = right / n;
  report.ece = ExpectedCalibrationError(ReliabilityBins(by_probability));
  report.false_rejection = rejected / n;
  report.out_of_scope_recall = strangers.empty() ? 0 : caught / static_cast<double>(strangers.size());
}

// The probability that all but the share 1 - kSetCoverage of the right labels reach, with the correction that makes it
// true of the next message rather than of these.
void HeadTrainer::FitSets(std::span<const int> truth) {
  const size_t num_labels = index_.labels.size();
  const double temperature = result_.head.metadata_.temperature;
  const auto probabilities = [&](size_t i) {
    return Softmax({held_in_scope_.logits.data() + i * num_labels, num_labels}, temperature);
  };
  const int n = static_cast<int>(truth.size());
  std::vector<double> of_truth(truth.size());
  pool_.Run(n, [&](int i, int) {
    const auto at = static_cast<size_t>(i);
    of_truth[at] = probabilities(at)[static_cast<size_t>(truth[at])];
  });
  std::sort(of_truth.begin(), of_truth.end());
  const auto missed = static_cast<size_t>((1 - kSetCoverage) * static_cast<double>(of_truth.size() + 1));
  double& least = result_.head.metadata_.set_probability;
  least = missed > 0 ? of_truth[missed - 1] : 0;
  std::atomic<int64_t> in_sets = 0;  // computed again rather than kept: it would be as large as the logits, twice
  pool_.Run(n, [&](int i, int) {
    in_sets += std::ranges::count_if(probabilities(static_cast<size_t>(i)), [&](double p) { return p >= least; });
  });
  result_.report.set_size = static_cast<double>(in_sets) / static_cast<double>(truth.size());
}

Status HeadTrainer::CheckLayers(std::span<const LayerVectors> layers, int num_layers) const {
  if (layers.empty()) return Ok();
  if (!(options_.max_disagreement > 0 && options_.max_disagreement <= 0.05)) {
    return Err(ErrorCode::kInvalidArgument,
               "the disagreement of early exits is {}, expected a number above 0 and at most 0.05",
               options_.max_disagreement);
  }
  const size_t width = embeddings_.columns / static_cast<size_t>(result_.head.metadata_.encoder.num_vectors);
  for (size_t i = 0; i < layers.size(); ++i) {
    const EmbeddingMatrix& x = layers[i].vectors;
    if (x.rows != embeddings_.rows || x.columns != width || x.values.size() != x.rows * x.columns ||
        layers[i].layer < 1 || layers[i].layer >= num_layers || (i > 0 && layers[i].layer <= layers[i - 1].layer)) {
      return Err(ErrorCode::kInvalidArgument,
                 "vectors of layer {} for an early exit: {} x {}, expected {} x {} of ascending layers below {}",
                 layers[i].layer, x.rows, x.columns, embeddings_.rows, width, num_layers);
    }
    if (!std::all_of(x.values.begin(), x.values.end(), [](float v) { return std::isfinite(v); })) {
      return Err(ErrorCode::kInvalidArgument, "a vector of layer {} holds a value that is not a number",
                 layers[i].layer);
    }
  }
  return Ok();
}

void HeadTrainer::AddExits(std::span<const LayerVectors> layers, int num_layers) {
  TrainReport& report = result_.report;
  report.enough_for_exits = EnoughForExits(report.held_out, options_.max_disagreement);
  if (layers.empty()) return;
  result_.head.metadata_.max_disagreement = options_.max_disagreement;
  if (!report.enough_for_exits) return;
  ExitTraining training{.layers = layers,
                        .in_scope = in_scope_,
                        .out_of_scope = out_of_scope_,
                        .label_of = index_.label_of,
                        .folds = folds_,
                        .num_folds = num_folds_,
                        .num_labels = static_cast<int>(index_.labels.size()),
                        .decisions = decisions_,
                        .threshold = result_.head.metadata_.threshold,
                        .options = &options_,
                        .kernels = &kernels_,
                        .progress = {}};
  if (options_.progress) {
    training.progress = [&](double fraction) { options_.progress("training early exits", fraction); };
  }
  ExitPlan plan = TrainExits(training, pool_);
  if (plan.heads.empty()) return;
  plan.num_layers = num_layers;
  result_.head.exits_ = std::move(plan);
}

Result<TrainedHead> HeadTrainer::Train(const EncoderIdentity& encoder, std::span<const LayerVectors> layers,
                                       int num_layers) {
  const MonotonicTime start = MonotonicNow();
  result_.head.metadata_.encoder = encoder;
  BANTAM_RETURN_IF_ERROR(Check());
  BANTAM_RETURN_IF_ERROR(CheckLayers(layers, num_layers));
  BANTAM_RETURN_IF_ERROR(SortRows());
  PrepareInputs();
  const int half = num_folds_ / 2;
  const std::optional<SoftmaxModel> low = RoughModel(0, half), high = RoughModel(half, num_folds_);
  for (int fold = 0; fold < num_folds_; ++fold) RunFold(fold, fold < half ? high : low);
  RunFinal();
  Calibrate();
  AddExits(layers, num_layers);

  result_.head.labels_ = index_.labels;
  HeadMetadata& metadata = result_.head.metadata_;
  metadata.examples_sha256 = ExamplesSha256(examples_);
  metadata.out_of_scope_share = options_.out_of_scope_share;
  metadata.inverse_regularization = options_.inverse_regularization;
  metadata.num_examples = static_cast<int>(
      std::count_if(in_scope_.begin(), in_scope_.end(), [&](int row) { return !examples_[row].hint; }));
  metadata.num_out_of_scope = static_cast<int>(out_of_scope_.size());
  result_.report.train_seconds = MillisecondsSince(start) / 1000;
  return std::move(result_);
}

std::vector<int> ExitLayers(int num_layers) {
  constexpr int kMost = 6;
  const int last = num_layers - 2, count = std::min(kMost, last);
  std::vector<int> layers;
  for (int i = 1; i <= count; ++i) layers.push_back(i * last / count);
  return layers;
}

Result<TrainedHead> TrainHead(std::span<const LabelledText> examples, const EmbeddingMatrix& embeddings,
                              const EncoderIdentity& encoder, const TrainOptions& options,
                              std::span<const LayerVectors> layers, int num_layers) {
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  return HeadTrainer(examples, embeddings, options, *kernels).Train(encoder, layers, num_layers);
}

}  // namespace bantam
