// Decides after the layers that a head has exits for whether a text is understood already. One for each text.
#pragma once

#include <optional>
#include <vector>

#include "learn/head.h"

namespace bantam {

class HeadJudge final : public ExitJudge {
 public:
  // `head` outlives it. certainty: ExitPlan::CertaintyFor; none: every text is read to the end. may_accept: for each
  // label, whether an acceptance at the head's own threshold is one for whoever asks; empty: all.
  HeadJudge(const Head& head, std::optional<double> certainty, const std::vector<bool>& may_accept)
      : head_(head), certainty_(certainty), may_accept_(may_accept) {}

  bool Wants(int layer) const override;
  bool Finished(int layer, std::span<const float> pooled) override;

  int exit_layer() const { return exit_layer_; }                // 0: it read all layers
  const Prediction& prediction() const { return prediction_; }  // of the exit

 private:
  const Head& head_;
  const std::optional<double> certainty_;
  const std::vector<bool>& may_accept_;
  int exit_layer_ = 0;
  Prediction prediction_;
};

}  // namespace bantam
