// How good is a head? Predictions on labelled lines, and the figures that people compare.
//
//   Evaluation e = Evaluate(PredictAll(head, examples, embeddings), head.metadata().out_of_scope_share);
//   std::string svg = ReliabilityPlot("...", {{.title = "...", .bins = e.bins}});
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "learn/head.h"
#include "learn/metrics.h"

namespace bantam {

// One labelled line and what a head said about it.
struct Outcome {
  std::string truth;      // kOutOfScopeLabel for out of scope
  std::string predicted;  // arg max over the head's labels, before any rejection
  double probability = 0;
  double confidence = 0;
  double out_of_scope = 0;  // the score alone
  bool accepted = false;    // at the head's own threshold
};

Outcome OutcomeOf(const Head& head, const std::string& truth, const Prediction& prediction);

// embeddings.row(i) belongs to examples[i] and has head.dimensions() columns.
std::vector<Outcome> PredictAll(const Head& head, std::span<const LabelledText> examples,
                                const EmbeddingMatrix& embeddings);

// Each example predicted by a head that was trained, calibrated and given its threshold without it: for a set that has
// no test lines of its own. Trains `folds` heads. Examples that no fold can hold out are missing from the result.
Result<std::vector<Outcome>> CrossValidate(std::span<const LabelledText> examples, const EmbeddingMatrix& embeddings,
                                           const EncoderIdentity& encoder, int folds, const TrainOptions& options);

// An out-of-scope line is near a route that has this probability, were the line in scope: only the out-of-scope score
// can tell it from one of the route's.
inline constexpr double kNear = 0.5;

struct Confusion {
  std::string truth, predicted;
  int count = 0;
};

// A figure is empty when the lines that it is about are missing. "Rejected" is below the threshold, "right" is accepted
// with the true label, or rejected for a line that is out of scope.
struct Evaluation {
  int num_in_scope = 0, num_out_of_scope = 0;
  std::optional<double> in_scope_accuracy;  // arg max, before any rejection
  std::optional<double> accuracy;           // all lines, after it
  std::optional<double> macro_f1;           // all lines, after it; out of scope is a label like the others
  std::optional<double> false_rejection;    // of in-scope lines, at the head's threshold
  std::optional<double> oos_recall, oos_precision, oos_f1;  // at the head's threshold
  // Of the out-of-scope lines those near a route, kNear: the hard ones, for the others never reach a threshold of 0.5.
  int num_near = 0;
  std::optional<double> near_recall;
  // At the threshold that is the 4 % quantile of these lines' own in-scope confidences.
  std::optional<double> threshold_at_fr4, oos_recall_at_fr4, oos_f1_at_fr4, accuracy_at_fr4;
  // In scope against out of scope: of the confidence, and of the out-of-scope score without the label's probability in
  // it.
  std::optional<double> oos_auroc, oos_score_auroc;
  std::optional<double> ece;  // of `probability` on in-scope lines, 15 equal bins
  // Of `confidence` on all lines, out-of-scope ones weighted to the share that the head assumes among messages.
  std::optional<double> ece_confidence;
  std::vector<ReliabilityBin> bins;             // behind `ece`
  std::vector<ReliabilityBin> confidence_bins;  // behind `ece_confidence`; the weights sum to the number of lines
  std::vector<Confusion> confusions;            // most frequent first; for out-of-scope lines, what accepted them
};

// share: the head's metadata().out_of_scope_share.
Evaluation Evaluate(std::span<const Outcome> outcomes, double out_of_scope_share);

}  // namespace bantam
