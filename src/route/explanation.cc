#include "route/explanation.h"

#include <algorithm>
#include <cmath>

#include "route/actions/action.h"
#include "route/budget_report.h"
#include "route/decision.h"
#include "route/suggest.h"

namespace bantam {
namespace {

std::string BarWords(const Bar& bar) {
  if (bar.certified)
    return fmt::format("the threshold for at most {} wrong", PercentText(bar.certified->budget.max_error));
  switch (bar.from) {
    case Bar::From::kRoute:
      return "the route's own threshold";
    case Bar::From::kRouteFile:
      return "the route file's threshold";
    default:
      return "the head's own threshold";
  }
}

std::vector<std::string> ReasonsOf(const DecisionPolicy& policy, const Judgement& judgement) {
  const Understanding& u = judgement.understanding;
  const Bar& bar = policy.BarOf(u.route);
  std::vector<std::string> reasons;
  if (!u.foreign_script.empty()) {
    reasons.push_back(
        fmt::format("it is written in {} letters, which neither the examples nor the encoder know: out of "
                    "scope, whatever the nearest example is",
                    u.foreign_script));
    return reasons;
  }
  if (!std::isfinite(bar.threshold)) {
    reasons.push_back(fmt::format("\"{}\" is likeliest with confidence {:.3f}, but no confidence would do: {}", u.route,
                                  u.confidence, WhyUnsupported(bar.certified->certificate)));
  } else {
    reasons.push_back(fmt::format("\"{}\" is likeliest with confidence {:.3f}, {} {:.3f}, {}", u.route, u.confidence,
                                  u.confidence >= bar.threshold ? "at or above" : "below", bar.threshold,
                                  BarWords(bar)));
  }
  if (judgement.route != nullptr && judgement.route->name != u.route) {
    reasons.push_back(fmt::format("\"{}\", above it, has confidence {:.3f}, at or above {:.3f}, {}",
                                  judgement.route->name, judgement.confidence, judgement.bar->threshold,
                                  BarWords(*judgement.bar)));
  }
  if (judgement.route != nullptr) return reasons;
  if (u.confidence >= bar.threshold && u.ranking.size() > 1) {
    reasons.push_back(fmt::format("\"{}\" is nearer to it ({:.3f} against {:.3f}) than \"ambiguity_threshold\" allows",
                                  u.ranking[1].route, u.ranking[1].probability, u.ranking[0].probability));
  }
  if (!judgement.options.empty()) {
    reasons.push_back(fmt::format("{} routes are left: {}", judgement.options.size(), QuotedList(u.prediction_set)));
  } else if (u.out_of_scope >= 0.5f) {
    reasons.push_back(fmt::format("it is more likely out of scope ({:.3f}) than about any route", u.out_of_scope));
  } else if (u.prediction_set.size() > 1) {
    reasons.push_back(fmt::format("{} routes are left, and nobody is asked about so many", u.prediction_set.size()));
  }
  return reasons;
}

// What becomes of several requests in one message (Answering::TakeParts): one that is handed on takes the whole message
// with it, a form comes last, and otherwise each is answered.
void ExplainRequests(const Judgement& judgement, Explanation& explanation) {
  const JudgedPart* leading = &judgement.parts.front();
  float least = 1;
  explanation.understanding.prediction_set.clear();
  for (const JudgedPart& part : judgement.parts) {
    const Action& action = *part.route->action;
    explanation.requests.push_back({part.text, part.route->name, action.Describe(), action.kind(), part.confidence});
    explanation.understanding.prediction_set.push_back(part.route->name);
    least = std::min(least, part.confidence);
    const DecisionKind kind = action.kind(), leads = leading->route->action->kind();
    if (leads != DecisionKind::kEscalate && (kind == DecisionKind::kEscalate || kind == DecisionKind::kForm))
      leading = &part;
  }
  explanation.route = leading->route->name;
  explanation.action = leading->route->action->Describe();
  explanation.decision = leading->route->action->kind();
  explanation.options.clear();
  explanation.understanding.confidence = least;
  explanation.reasons.push_back(fmt::format(
      "it holds {} requests, each sure enough by itself: {}", judgement.parts.size(),
      explanation.decision == DecisionKind::kEscalate
          ? fmt::format("\"{}\" is never answered here and takes the whole message with it", explanation.route)
          : "they are answered one after the other"));
}

}  // namespace

Explanation Explain(const RouteFile& file, const DecisionPolicy& policy, Understanding understanding) {
  return Explain(file, policy, Judge(file, policy, std::move(understanding)));
}

Explanation Explain(const RouteFile& file, const DecisionPolicy& policy, Judgement judgement) {
  Explanation explanation;
  explanation.threshold = judgement.bar->threshold;
  explanation.threshold_from = BarFromName(judgement.bar->from);
  explanation.budget = BudgetOf(*judgement.bar);
  explanation.calibration_id = policy.calibration_id();
  explanation.reasons = ReasonsOf(policy, judgement);
  for (const Route* option : judgement.options) explanation.options.push_back(option->name);
  if (judgement.route != nullptr) {
    explanation.route = judgement.route->name;
    explanation.action = judgement.route->action->Describe();
    explanation.decision = judgement.route->action->kind();
    if (explanation.decision == DecisionKind::kEscalate) {
      explanation.reasons.push_back(fmt::format("the route \"{}\" is never answered here", explanation.route));
    }
  } else if (!judgement.options.empty()) {
    explanation.action = "ask back";
    explanation.decision = DecisionKind::kClarify;
  } else if (!file.fallback_upstream.empty()) {
    explanation.action = "ask " + file.fallback_upstream;
    explanation.decision = DecisionKind::kEscalate;
  } else {
    explanation.action = "respond utter_unsure";
  }
  explanation.understanding = std::move(judgement.understanding);
  explanation.understanding.confidence = judgement.confidence;
  if (!judgement.parts.empty()) ExplainRequests(judgement, explanation);
  return explanation;
}

}  // namespace bantam
