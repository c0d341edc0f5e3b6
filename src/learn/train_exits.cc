#include "learn/train_exits.h"

#include <algorithm>
#include <cmath>

#include "learn/binomial.h"
#include "learn/calibration.h"

namespace bantam {
namespace {

// A fold's model may be rough: what it gets wrong shows in the measurement. Standardised vectors converge in 40 to 60.
constexpr double kTolerance = 1e-4;
constexpr int kMaxIterations = 60;
// Standardised vectors spread their information over more dimensions than the encoder's own; C = 30 against 10 is worth
// 0.3 points of accuracy at the same layer on CLINC150.
constexpr double kRegularizationFactor = 3;
// Of the largest logit and its distance to the second, where no example is on the other side.
constexpr Logistic kDefaultScore{{1.5, 1.5, 0, 0}, 4.5};
// An exit costs about a twentieth of a layer for each text that reaches it.
constexpr double kLeastShare = 0.05;

struct HeldOut {
  std::vector<int> rows, labels;  // the example, and what the exit takes it for
  std::vector<ExitFeatures> features;
  std::vector<float> logits;  // [rows, labels]
};

class ExitTrainer {
 public:
  ExitTrainer(const ExitTraining& training, ThreadPool& pool) : t_(training), pool_(pool) {}

  ExitPlan Train() {
    ExitPlan plan;
    for (const LayerVectors& layer : t_.layers) plan.heads.push_back(TrainLayer(layer));
    std::vector<ExitTrace> traces = Traces(plan);
    DropIdle(plan, traces);
    plan.levels = MeasureExits(traces, kHighestDisagreement);
    if (plan.levels.empty() || plan.heads.empty()) return {};
    return plan;
  }

 private:
  ExitHead TrainLayer(const LayerVectors& layer) {
    ExitHead exit;
    exit.layer = layer.layer;
    // Without labels, so that the held-out examples may be among those that it is taken from.
    exit.scale = FitScale(layer.vectors, layer.vectors.columns, t_.in_scope);
    EmbeddingMatrix x{layer.vectors.rows, layer.vectors.columns, {}};
    x.values.resize(x.rows * x.columns);
    pool_.Run(static_cast<int>(x.rows), [&](int row, int) {
      Standardize(exit.scale, layer.vectors.row(static_cast<size_t>(row)),
                  std::span(x.values).subspan(static_cast<size_t>(row) * x.columns, x.columns));
    });

    HeldOut held;
    std::vector<SoftmaxModel> models;
    for (int fold = 0; fold < t_.num_folds; ++fold) RunFold(x, fold, held, models);
    exit.temperature = TemperatureOf(held);
    FitScorers(held, exit);
    exit.model = Fit(x, t_.in_scope, Mean(models));
    held_.push_back(std::move(held));
    return exit;
  }

  SoftmaxModel Fit(const EmbeddingMatrix& x, std::span<const int> rows, const SoftmaxModel* start) {
    std::vector<int> labels;
    for (const int row : rows) labels.push_back(t_.label_of[static_cast<size_t>(row)]);
    const SoftmaxOptions options{
        .inverse_regularization = kRegularizationFactor * t_.options->inverse_regularization,
        .max_iterations = std::min(kMaxIterations, t_.options->max_iterations),
        .tolerance = kTolerance,
        .start = start,
        .progress = [&](int iteration, double) { Progress(static_cast<double>(iteration) / kMaxIterations); }};
    SoftmaxModel model = FitSoftmax(x, rows, labels, t_.num_labels, options, *t_.kernels, pool_).model;
    ++fits_;
    return model;
  }

  std::span<const float> LogitsOf(const HeldOut& held, size_t i) const {
    const auto width = static_cast<size_t>(t_.num_labels);
    return std::span(held.logits).subspan(i * width, width);
  }

  double TemperatureOf(const HeldOut& held) {
    std::vector<float> logits;
    std::vector<int> truth;
    for (size_t i = 0; i < held.rows.size(); ++i) {
      const int label = t_.label_of[static_cast<size_t>(held.rows[i])];
      if (label < 0) continue;
      const auto own = LogitsOf(held, i);
      logits.insert(logits.end(), own.begin(), own.end());
      truth.push_back(label);
    }
    return FitTemperature(logits, truth, t_.num_labels, pool_);
  }

  void RunFold(const EmbeddingMatrix& x, int fold, HeldOut& held, std::vector<SoftmaxModel>& models) {
    std::vector<int> rows, tested;
    for (const int row : t_.in_scope) {
      (t_.folds[static_cast<size_t>(row)] == fold ? tested : rows).push_back(row);
    }
    if (tested.empty()) return;
    for (const int row : t_.out_of_scope) {
      if (t_.folds[static_cast<size_t>(row)] == fold) tested.push_back(row);
    }
    models.push_back(Fit(x, rows, nullptr));
    const auto width = static_cast<size_t>(t_.num_labels);
    const size_t first = held.rows.size();
    held.logits.resize((first + tested.size()) * width);
    pool_.Run(static_cast<int>(tested.size()), [&](int i, int) {
      const auto at = static_cast<size_t>(i);
      Logits(models.back(), x.row(static_cast<size_t>(tested[at])),
             std::span(held.logits).subspan((first + at) * width, width));
    });
    for (const int row : tested) {
      const auto own = LogitsOf(held, held.rows.size());
      held.rows.push_back(row);
      held.labels.push_back(static_cast<int>(std::max_element(own.begin(), own.end()) - own.begin()));
      held.features.push_back(FeaturesOfLogits(own));
    }
  }

  bool Agrees(int row, int label) const {
    const FullDecision& full = t_.decisions[static_cast<size_t>(row)];
    return full.accepted && full.label == label;
  }

  // Out-of-scope examples count as often as their share of the messages asks for: they are few, and what an exit must
  // not do is accept them.
  void FitScorers(const HeldOut& held, ExitHead& exit) const {
    std::vector<ExitFeatures> in_scope, strangers, agreeing, disagreeing;
    int64_t num_strangers = 0;
    for (const int row : held.rows) num_strangers += t_.label_of[static_cast<size_t>(row)] < 0 ? 1 : 0;
    const double share = t_.options->out_of_scope_share;
    const double in_all = static_cast<double>(static_cast<int64_t>(held.rows.size()) - num_strangers);
    const int repeat =
        num_strangers == 0
            ? 1
            : std::max(
                  1, static_cast<int>(std::lround(share / (1 - share) * in_all / static_cast<double>(num_strangers))));
    for (size_t i = 0; i < held.rows.size(); ++i) {
      const bool stranger = t_.label_of[static_cast<size_t>(held.rows[i])] < 0;
      (stranger ? strangers : in_scope).push_back(held.features[i]);
      auto& side = Agrees(held.rows[i], held.labels[i]) ? agreeing : disagreeing;
      for (int k = 0; k < (stranger ? repeat : 1); ++k) side.push_back(held.features[i]);
    }
    exit.scope = FitScopeScorer(in_scope, strangers, share, kDefaultScore);
    if (agreeing.empty()) agreeing = in_scope;  // an exit that never agrees will not pass the measurement
    const double wrong =
        static_cast<double>(disagreeing.size() + 1) / static_cast<double>(agreeing.size() + disagreeing.size() + 2);
    exit.agreement = FitScopeScorer(agreeing, disagreeing, wrong, kDefaultScore);
  }

  const SoftmaxModel* Mean(const std::vector<SoftmaxModel>& models) {
    mean_ = models.front();
    const auto average = [&](auto member) {
      auto& out = mean_.*member;
      for (size_t i = 0; i < out.size(); ++i) {
        float sum = 0;
        for (const SoftmaxModel& model : models) sum += (model.*member)[i];
        out[i] = sum / static_cast<float>(models.size());
      }
    };
    average(&SoftmaxModel::weights);
    average(&SoftmaxModel::bias);
    return &mean_;
  }

  // As Head::PredictAtExit computes it.
  static float Confidence(const ExitHead& head, std::span<const float> logits, const ExitFeatures& features) {
    double sum = 0;
    for (const float z : logits) sum += std::exp((static_cast<double>(z) - features[0]) / head.temperature);
    return static_cast<float>(head.scope.InScope(features) / sum);
  }

  std::vector<ExitTrace> Traces(const ExitPlan& plan) const {
    std::vector<ExitTrace> traces;
    for (size_t i = 0; i < held_.front().rows.size(); ++i) {
      const int row = held_.front().rows[i];  // all layers hold out the same rows in the same order
      ExitTrace trace;
      trace.out_of_scope = t_.label_of[static_cast<size_t>(row)] < 0;
      for (size_t exit = 0; exit < held_.size(); ++exit) {
        const ExitHead& head = plan.heads[exit];
        const ExitFeatures& features = held_[exit].features[i];
        // As HeadJudge does: an exit that would not accept lets the text go on.
        const bool accepts = Confidence(head, LogitsOf(held_[exit], i), features) >= t_.threshold;
        trace.certainty.push_back(accepts ? head.agreement.InScope(features) : 0);
        trace.agrees.push_back(Agrees(row, held_[exit].labels[i]));
      }
      traces.push_back(std::move(trace));
    }
    return traces;
  }

  // Exits that hardly anybody takes at the wanted disagreement.
  void DropIdle(ExitPlan& plan, std::vector<ExitTrace>& traces) const {
    plan.levels = MeasureExits(traces, kHighestDisagreement);
    const std::optional<double> certainty = plan.CertaintyFor(t_.options->max_disagreement);
    std::vector<int64_t> taken(plan.heads.size());
    if (certainty) {
      for (const ExitTrace& trace : traces) {
        if (const int exit = ExitOf(trace, *certainty); exit >= 0) ++taken[static_cast<size_t>(exit)];
      }
    }
    for (size_t exit = plan.heads.size(); exit-- > 0;) {
      if (static_cast<double>(taken[exit]) >= kLeastShare * static_cast<double>(traces.size())) continue;
      const auto at = static_cast<ptrdiff_t>(exit);
      plan.heads.erase(plan.heads.begin() + at);
      for (ExitTrace& trace : traces) {
        trace.certainty.erase(trace.certainty.begin() + at);
        trace.agrees.erase(trace.agrees.begin() + at);
      }
    }
  }

  void Progress(double within) const {
    if (!t_.progress) return;
    const double all = static_cast<double>(t_.layers.size()) * (t_.num_folds + 1);
    t_.progress(std::min(1.0, (fits_ + std::min(1.0, within)) / all));
  }

  // Levels beyond this are not kept: nobody should want them.
  static constexpr double kHighestDisagreement = 0.05;

  const ExitTraining& t_;
  ThreadPool& pool_;
  int fits_ = 0;
  SoftmaxModel mean_;
  std::vector<HeldOut> held_;  // [layers]
};

}  // namespace

bool EnoughForExits(int64_t held_out, double max_disagreement) {
  return held_out > 0 && BinomialUpperBound(0, held_out, 0.95) <= max_disagreement;
}

ExitPlan TrainExits(const ExitTraining& training, ThreadPool& pool) { return ExitTrainer(training, pool).Train(); }

}  // namespace bantam
