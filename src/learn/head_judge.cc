#include "learn/head_judge.h"

#include <algorithm>

namespace bantam {

bool HeadJudge::Wants(int layer) const {
  const auto& exits = head_.exits().heads;
  return certainty_ &&
         std::any_of(exits.begin(), exits.end(), [&](const ExitHead& exit) { return exit.layer == layer; });
}

bool HeadJudge::Finished(int layer, std::span<const float> pooled) {
  const auto& exits = head_.exits().heads;
  const auto exit = std::find_if(exits.begin(), exits.end(), [&](const ExitHead& e) { return e.layer == layer; });
  if (!certainty_ || exit == exits.end()) return false;
  const ExitReading reading = ReadExit(*exit, pooled);
  if (!(reading.certainty >= *certainty_)) return false;
  Prediction prediction = head_.PredictAtExit(static_cast<size_t>(exit - exits.begin()), reading);
  // What was measured is agreement with an acceptance; an exit whose own confidence falls short proves nothing.
  const auto label = static_cast<size_t>(prediction.label);
  if (!prediction.accepted || (!may_accept_.empty() && !may_accept_[label])) return false;
  exit_layer_ = layer;
  prediction_ = std::move(prediction);
  return true;
}

}  // namespace bantam
