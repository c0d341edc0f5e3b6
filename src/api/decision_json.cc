#include "api/decision_json.h"

namespace bantam {

json::array NearestJson(const std::vector<NearestExample>& examples) {
  json::array nearest;
  for (const NearestExample& example : examples) {
    nearest.push_back({{"text", example.text}, {"route", example.route}, {"similarity", example.similarity}});
  }
  return nearest;
}

std::string_view OutcomeName(DecisionKind kind) {
  switch (kind) {
    case DecisionKind::kClarify:
      return "clarify";
    case DecisionKind::kEscalate:
    case DecisionKind::kUnsure:
      return "escalate";
    case DecisionKind::kAnswer:
    case DecisionKind::kForm:
      break;
  }
  return "answer";
}

json::value CalibrationIdJson(const std::string& id) { return id.empty() ? json::value() : json::value(id); }

}  // namespace bantam
