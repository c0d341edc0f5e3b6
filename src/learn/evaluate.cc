#include "learn/evaluate.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/check.h"

namespace bantam {

Outcome OutcomeOf(const Head& head, const std::string& truth, const Prediction& p) {
  return {truth, head.labels()[static_cast<size_t>(p.label)], p.probability, p.confidence, p.out_of_scope, p.accepted};
}

std::vector<Outcome> PredictAll(const Head& head, std::span<const LabelledText> examples,
                                const EmbeddingMatrix& embeddings) {
  BANTAM_CHECK(embeddings.rows == examples.size());
  std::vector<Outcome> outcomes;
  outcomes.reserve(examples.size());
  for (size_t i = 0; i < examples.size(); ++i) {
    outcomes.push_back(OutcomeOf(head, examples[i].label, head.Predict(embeddings.row(i))));
  }
  return outcomes;
}

Result<std::vector<Outcome>> CrossValidate(std::span<const LabelledText> examples, const EmbeddingMatrix& embeddings,
                                           const EncoderIdentity& encoder, int folds, const TrainOptions& options) {
  BANTAM_CHECK(embeddings.rows == examples.size() && folds >= 2);
  const std::vector<int> fold_of = AssignFolds(examples, folds);
  std::vector<Outcome> outcomes;
  for (int fold = 0; fold < folds; ++fold) {
    std::vector<LabelledText> train, test;
    EmbeddingMatrix train_vectors{0, embeddings.columns, {}}, test_vectors{0, embeddings.columns, {}};
    for (size_t i = 0; i < examples.size(); ++i) {
      const bool held = fold_of[i] == fold;
      EmbeddingMatrix& vectors = held ? test_vectors : train_vectors;
      (held ? test : train).push_back(examples[i]);
      vectors.values.insert(vectors.values.end(), embeddings.row(i).begin(), embeddings.row(i).end());
      ++vectors.rows;
    }
    if (test.empty()) continue;
    TrainOptions fold_options = options;
    if (options.progress) {
      fold_options.progress = [&](std::string_view stage, double fraction) {
        options.progress(stage, (fold + fraction) / folds);
      };
    }
    BANTAM_TRY(const TrainedHead trained, TrainHead(train, train_vectors, encoder, fold_options));
    const std::vector<Outcome> held = PredictAll(trained.head, test, test_vectors);
    outcomes.insert(outcomes.end(), held.begin(), held.end());
  }
  return outcomes;
}

namespace {

struct Counts {
  int right = 0, caught = 0, rejected = 0;  // all right answers; out of scope rejected; in scope rejected
};

Counts CountAt(std::span<const Outcome> outcomes, const auto& accepted) {
  Counts counts;
  for (const Outcome& o : outcomes) {
    const bool in_scope = o.truth != kOutOfScopeLabel, accept = accepted(o);
    counts.right += in_scope ? accept && o.predicted == o.truth : !accept;
    counts.caught += !in_scope && !accept;
    counts.rejected += in_scope && !accept;
  }
  return counts;
}

// Of the decision "reject": hits, of all that are out of scope, of all rejections.
double F1(const Counts& counts, int num_out_of_scope) {
  const int both = num_out_of_scope + counts.caught + counts.rejected;
  return both == 0 ? 0 : 2.0 * counts.caught / both;
}

double MacroF1After(std::span<const Outcome> outcomes) {
  std::map<std::string_view, int> numbers;
  const auto number = [&](std::string_view label) {
    return numbers.try_emplace(label, static_cast<int>(numbers.size())).first->second;
  };
  std::vector<int> truth, predicted;
  for (const Outcome& o : outcomes) {
    truth.push_back(number(o.truth));
    predicted.push_back(number(o.accepted ? std::string_view(o.predicted) : kOutOfScopeLabel));
  }
  return MacroF1(truth, predicted);
}

std::vector<Confusion> CountConfusions(std::span<const Outcome> outcomes) {
  std::map<std::pair<std::string_view, std::string_view>, int> counts;
  for (const Outcome& o : outcomes) {
    const bool in_scope = o.truth != kOutOfScopeLabel;
    if (in_scope ? o.predicted != o.truth : o.accepted) ++counts[{o.truth, o.predicted}];
  }
  std::vector<Confusion> confusions;
  for (const auto& [pair, count] : counts)
    confusions.push_back({std::string(pair.first), std::string(pair.second), count});
  std::stable_sort(confusions.begin(), confusions.end(),
                   [](const Confusion& a, const Confusion& b) { return a.count > b.count; });
  return confusions;
}

}  // namespace

Evaluation Evaluate(std::span<const Outcome> outcomes, double out_of_scope_share) {
  Evaluation e;
  std::vector<double> in_scope, out_of_scope;              // confidences
  std::vector<double> in_scope_score, out_of_scope_score;  // 1 - out_of_scope
  std::vector<WeightedOutcome> by_probability, by_confidence;
  int right = 0, near_caught = 0;
  for (const Outcome& o : outcomes) {
    if (o.truth == kOutOfScopeLabel) {
      out_of_scope.push_back(o.confidence);
      out_of_scope_score.push_back(1 - o.out_of_scope);
      if (o.probability >= kNear) {
        ++e.num_near;
        near_caught += o.accepted ? 0 : 1;
      }
    } else {
      in_scope.push_back(o.confidence);
      in_scope_score.push_back(1 - o.out_of_scope);
      by_probability.push_back({o.probability, o.predicted == o.truth});
      right += o.predicted == o.truth;
    }
  }
  const double n_in = static_cast<double>(in_scope.size()), n_out = static_cast<double>(out_of_scope.size());
  const double n = n_in + n_out;
  e.num_in_scope = static_cast<int>(in_scope.size());
  e.num_out_of_scope = static_cast<int>(out_of_scope.size());
  e.confusions = CountConfusions(outcomes);
  const Counts own = CountAt(outcomes, [](const Outcome& o) { return o.accepted; });
  if (n > 0) {
    e.accuracy = own.right / n;
    e.macro_f1 = MacroF1After(outcomes);
  }
  if (n_in > 0) {
    e.in_scope_accuracy = right / n_in;
    e.false_rejection = own.rejected / n_in;
    e.bins = ReliabilityBins(by_probability);
    e.ece = ExpectedCalibrationError(e.bins);
  }
  if (n_out > 0) {
    e.oos_recall = own.caught / n_out;
    e.oos_precision = own.caught + own.rejected > 0 ? static_cast<double>(own.caught) / (own.caught + own.rejected) : 0;
    e.oos_f1 = F1(own, e.num_out_of_scope);
    if (e.num_near > 0) e.near_recall = static_cast<double>(near_caught) / e.num_near;
  }
  if (n_in > 0 && n_out > 0) {
    const double threshold = Quantile(in_scope, 0.04);
    const Counts at = CountAt(outcomes, [&](const Outcome& o) { return o.confidence >= threshold; });
    e.threshold_at_fr4 = threshold;
    e.oos_recall_at_fr4 = at.caught / n_out;
    e.oos_f1_at_fr4 = F1(at, e.num_out_of_scope);
    e.accuracy_at_fr4 = at.right / n;
    e.oos_auroc = Auroc(in_scope, out_of_scope);
    e.oos_score_auroc = Auroc(in_scope_score, out_of_scope_score);
    for (const Outcome& o : outcomes) {
      const bool in = o.truth != kOutOfScopeLabel;
      by_confidence.push_back({o.confidence, in && o.predicted == o.truth,
                               n * (in ? (1 - out_of_scope_share) / n_in : out_of_scope_share / n_out)});
    }
    e.confidence_bins = ReliabilityBins(by_confidence);
    e.ece_confidence = ExpectedCalibrationError(e.confidence_bins);
  }
  return e;
}

}  // namespace bantam
