#include "route/types.h"

namespace bantam {

std::string_view AnswerSourceName(AnswerSource source) {
  switch (source) {
    case AnswerSource::kRule:
      return "rule";
    case AnswerSource::kCache:
      return "cache";
    case AnswerSource::kLocalModel:
      return "local model";
    case AnswerSource::kUpstream:
      return "upstream";
  }
  return "local model";
}

std::string_view DecisionKindName(DecisionKind kind) {
  switch (kind) {
    case DecisionKind::kAnswer:
      return "answer";
    case DecisionKind::kForm:
      return "form";
    case DecisionKind::kEscalate:
      return "escalate";
    case DecisionKind::kUnsure:
      return "unsure";
    case DecisionKind::kClarify:
      return "clarify";
  }
  return "unsure";
}

}  // namespace bantam
