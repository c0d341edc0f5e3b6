// Early exit: after some of the encoder's earlier layers a small head of that layer looks at the text, and where it is
// certain that all layers would decide the same, the rest is not computed. For decisions only; an embedding needs all
// layers.
//
//   HeadJudge judge(head, *head.exits().CertaintyFor(0.005), limits);     // at most 0.5 % decided otherwise
//   BANTAM_TRY(Embedding e, embedder.EmbedUntil(text, CallForHead(deadline), judge));
//   Prediction p = judge.exit_layer() > 0 ? judge.prediction() : head.Predict(e.vector);
//
// Only acceptance ends early. What may be out of scope, or is near the threshold, is read to the end: earlier layers
// know strangers less well (area under the ROC curve 0.95 after half of the layers against 0.97).
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "learn/out_of_scope.h"
#include "learn/softmax_regression.h"
#include "learn/vector_scale.h"

namespace bantam {

// Of the logits of one layer: {largest, its distance to the second, unused, unused}
using ExitFeatures = LogisticFeatures;

struct ExitHead {
  int layer = 0;       // after which it looks, from 1
  VectorScale scale;   // worth 0.02 of AUROC out of scope on CLINC150
  SoftmaxModel model;  // of the standardised vectors
  double temperature = 1;
  ScopeScorer scope;      // P(in scope)
  ScopeScorer agreement;  // P(all layers decide the same, and accept)
};

struct ExitReading {
  std::vector<float> logits;  // [labels]
  ExitFeatures features{};
  double certainty = 0;  // agreement's probability; 0 for logits that are not finite
};
ExitReading ReadExit(const ExitHead& exit, std::span<const float> pooled);
ExitFeatures FeaturesOfLogits(std::span<const float> logits);

// A certainty from which exits are taken, and what held-out examples say about it.
struct ExitLevel {
  double certainty = 1;
  // No more than this share decided otherwise: of in-scope examples the exact binomial bound at 95 %, of out-of-scope
  // ones, which are few, what was seen; the larger of the two. Never falls from one level to the next.
  double disagreement = 0;
};

struct ExitPlan {
  int num_layers = 0;             // of the encoder
  std::vector<ExitHead> heads;    // by layer, ascending; empty: no early exit
  std::vector<ExitLevel> levels;  // from certain to less certain

  // The lowest certainty that keeps disagreement within `max_disagreement`; none when no level does.
  std::optional<double> CertaintyFor(double max_disagreement) const;
};

// What all layers decide about a held-out example, and what each exit says.
struct ExitTrace {
  bool out_of_scope = false;
  std::vector<double> certainty;  // [exits]
  std::vector<bool> agrees;       // [exits]: all layers accept, with that exit's label
};

// Tests ever lower certainties, from certain on, until nothing is within `highest`: one family in one order, so that
// each bound holds without a correction for the number of levels.
std::vector<ExitLevel> MeasureExits(std::span<const ExitTrace> traces, double highest);

// "0.5%" -> 0.005, "off" -> 0. Above 0 and at most 5 %.
Result<double> ParseDisagreement(std::string_view text);

// The exit that a trace takes at `certainty`; -1: none.
int ExitOf(const ExitTrace& trace, double certainty);

}  // namespace bantam
