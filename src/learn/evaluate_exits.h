// What early exits change on labelled lines: how many layers are computed, and what is decided otherwise.
#pragma once

#include <span>
#include <vector>

#include "learn/evaluate.h"

namespace bantam {

struct ExitOutcome {
  Outcome outcome;         // as decided, at an exit or after all layers
  int layer = 0;           // after which
  bool disagrees = false;  // with all layers: other label or rejected, where either of the two accepts
};

// At the certainty that `max_disagreement` asks for. embeddings and layers[..] hold the lines in one order; `layers`
// has every layer of the head's exits.
std::vector<ExitOutcome> PredictWithExits(const Head& head, std::span<const LabelledText> examples,
                                          const EmbeddingMatrix& embeddings, std::span<const LayerVectors> layers,
                                          double max_disagreement);

struct ExitFigures {
  double max_disagreement = 0;  // wanted; 0: no early exit
  double mean_layers = 0, mean_layers_in_scope = 0;
  double disagreement = 0, disagreement_in_scope = 0;  // shares of the lines
  Evaluation figures;
};
ExitFigures EvaluateExits(std::span<const ExitOutcome> outcomes, double max_disagreement, double out_of_scope_share);

}  // namespace bantam
