#include "learn/evaluate_exits.h"

#include <algorithm>

#include "base/check.h"
#include "learn/head_judge.h"

namespace bantam {

std::vector<ExitOutcome> PredictWithExits(const Head& head, std::span<const LabelledText> examples,
                                          const EmbeddingMatrix& embeddings, std::span<const LayerVectors> layers,
                                          double max_disagreement) {
  BANTAM_CHECK(embeddings.rows == examples.size());
  const std::optional<double> certainty = head.exits().CertaintyFor(max_disagreement);
  const std::vector<bool> any;
  std::vector<ExitOutcome> outcomes;
  outcomes.reserve(examples.size());
  for (size_t i = 0; i < examples.size(); ++i) {
    HeadJudge judge(head, certainty, any);
    for (const LayerVectors& layer : layers) {
      if (judge.Wants(layer.layer) && judge.Finished(layer.layer, layer.vectors.row(i))) break;
    }
    const Prediction full = head.Predict(embeddings.row(i));
    const bool early = judge.exit_layer() > 0;
    const Prediction& p = early ? judge.prediction() : full;
    const bool same = p.accepted == full.accepted && (!p.accepted || p.label == full.label);
    outcomes.push_back(
        {OutcomeOf(head, examples[i].label, p), early ? judge.exit_layer() : head.exits().num_layers, !same});
  }
  return outcomes;
}

ExitFigures EvaluateExits(std::span<const ExitOutcome> outcomes, double max_disagreement, double out_of_scope_share) {
  ExitFigures result;
  result.max_disagreement = max_disagreement;
  std::vector<Outcome> plain;
  double in_scope = 0;
  for (const ExitOutcome& o : outcomes) {
    plain.push_back(o.outcome);
    const bool in = o.outcome.truth != kOutOfScopeLabel;
    in_scope += in ? 1 : 0;
    result.mean_layers += o.layer;
    result.mean_layers_in_scope += in ? o.layer : 0;
    result.disagreement += o.disagrees ? 1 : 0;
    result.disagreement_in_scope += in && o.disagrees ? 1 : 0;
  }
  const double n = std::max(1.0, static_cast<double>(outcomes.size())), n_in = std::max(1.0, in_scope);
  result.mean_layers /= n;
  result.disagreement /= n;
  result.mean_layers_in_scope /= n_in;
  result.disagreement_in_scope /= n_in;
  result.figures = Evaluate(plain, out_of_scope_share);
  return result;
}

}  // namespace bantam
