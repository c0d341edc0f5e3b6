// What early exits are worth: decisions and time at several allowed disagreements, on labelled lines.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/route_data.h"
#include "learn/evaluate_exits.h"

namespace bantam::cli {

// Of decisions after all layers, one text alone, from the text to the route.
struct DecisionTimes {
  double median_ms = 0, p99_ms = 0;
};
Result<DecisionTimes> TimeDecisions(const Head& head, Embedder& embedder, std::span<const LabelledText> examples);

struct ExitPoint {
  ExitFigures exits;
  double mean_ms = 0;  // of one text alone, from the text to the decision
};

struct ExitCurve {
  ExitPoint full;                 // every layer of every text
  std::optional<ExitPoint> used;  // at the wanted disagreement
  std::vector<ExitPoint> points;  // at others, ascending; empty unless asked for
  size_t timed_lines = 0;
  int num_layers = 0;
};

// Empty for a head without exits, or when max_disagreement is 0. `embedded` holds the layers of the head's exits.
Result<std::optional<ExitCurve>> MeasureExitCurve(const Head& head, Embedder& embedder,
                                                  std::span<const LabelledText> examples,
                                                  const EmbeddedExamples& embedded, double max_disagreement,
                                                  bool all_points);

// The layers that MeasureExitCurve needs vectors of.
std::vector<int> ExitLayersOf(const Head& head);

json::value ToJsonValue(const std::optional<ExitCurve>& curve);
std::string Table(const ExitCurve& curve);
std::string Svg(const ExitCurve& curve, std::string_view title);

}  // namespace bantam::cli
