#include "route/decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "route/actions/action.h"
#include "route/forms/phrases.h"
#include "route/placeholders.h"

namespace bantam {
namespace {

constexpr std::string_view kUnsure =
    "I'm not sure what you mean. Is it one of these?{nearest}\nIf not, please say it in other words.";
constexpr std::string_view kQueuedWithId =
    "I have to ask somebody else about that and cannot reach them now. Your question is kept and will be answered: ask "
    "for "
    "{id} later.";
constexpr std::string_view kQueued = "I have to ask somebody else about that, and will as soon as I can reach them.";
// What happened, said to the person who asked. The words of the audit log are for those who run the assistant.
std::string_view UpstreamFailed(UpstreamOutcome outcome) {
  switch (outcome) {
    case UpstreamOutcome::kRefused:
      return "the large model that I would ask can't be reached just now";
    case UpstreamOutcome::kTimeout:
      return "the large model that I asked did not answer in time";
    case UpstreamOutcome::kOverloaded:
      return "the large model that I would ask has too much to do just now";
    case UpstreamOutcome::kServerError:
      return "the large model that I asked reported a fault";
    case UpstreamOutcome::kRejected:
      return "the large model that I asked did not take the question";
    case UpstreamOutcome::kTruncated:
      return "the large model that I asked broke off in the middle of its answer";
    case UpstreamOutcome::kGarbage:
      return "the large model that I asked gave an answer that I can't read";
    case UpstreamOutcome::kCoolingDown:
      return "the large model that I would ask has failed several times and is given a rest";
    case UpstreamOutcome::kBusy:
      return "the large model that I would ask is busy with other questions";
    case UpstreamOutcome::kOverBudget:
      return "what may be spent on the large model is used up for now";
    case UpstreamOutcome::kOk:
    case UpstreamOutcome::kCancelled:
      break;
  }
  return "the large model that I would ask gave no answer";
}

bool IsAmbiguous(const RouteFile& file, const Understanding& understanding) {
  const auto& ranking = understanding.ranking;
  return file.ambiguity_threshold && ranking.size() > 1 &&
         ranking[0].probability - ranking[1].probability < *file.ambiguity_threshold;
}

// Somebody is asked where a few routes are left and the message is more likely about one of the routes than not: who
// asks for a poem is not asked which of two refunds was meant.
std::vector<const Route*> OptionsToAsk(const RouteFile& file, const Understanding& understanding) {
  constexpr float kMostOutOfScope = 0.5f;
  std::vector<const Route*> options;
  if (!file.clarify || understanding.out_of_scope >= kMostOutOfScope) return options;
  std::vector<std::string> names = understanding.prediction_set;
  // The two that are too near to each other, where the set holds one of them alone.
  if (names.size() < 2 && IsAmbiguous(file, understanding)) {
    names = {understanding.ranking[0].route, understanding.ranking[1].route};
  }
  if (names.size() < 2 || names.size() > static_cast<size_t>(file.clarify->max_options)) return options;
  for (const std::string& name : names) {
    if (const Route* route = file.FindRoute(name)) options.push_back(route);
  }
  if (options.size() < 2) options.clear();
  return options;
}

// The nearest parent that is sure enough where the route itself is not.
void StandIn(const RouteFile& file, const DecisionPolicy& policy, const Understanding& understanding,
             Judgement& judgement) {
  for (const RankedRoute& ancestor : understanding.ancestors) {
    const Bar& bar = policy.BarOfParent(ancestor.route);
    if (ancestor.probability < bar.threshold) continue;
    judgement.route = file.FindRoute(ancestor.route);
    judgement.confidence = ancestor.probability;
    judgement.bar = &bar;
    return;
  }
}

std::string Named(const RouteFile& file, const std::string& response, std::string_view other,
                  const Understanding& understanding) {
  std::string list;
  for (const std::string& name : understanding.nearest_routes) {
    if (const Route* route = file.FindRoute(name)) list += "\n• " + RouteLabel(*route);
  }
  const auto found = file.responses.find(response);
  return FillList(found == file.responses.end() ? other : std::string_view(found->second), "nearest", list);
}

}  // namespace

Judgement Judge(const RouteFile& file, const DecisionPolicy& policy, Understanding understanding) {
  Judgement judgement;
  const Route* likeliest = file.FindRoute(understanding.route);
  judgement.bar = &policy.BarOf(understanding.route);
  judgement.confidence = understanding.confidence;
  if (likeliest != nullptr && understanding.confidence >= judgement.bar->threshold &&
      !IsAmbiguous(file, understanding)) {
    judgement.route = likeliest;
  } else {
    StandIn(file, policy, understanding, judgement);
  }
  // A budget that cannot be shown to hold hands everything on.
  if (judgement.route == nullptr && std::isfinite(judgement.bar->threshold))
    judgement.options = OptionsToAsk(file, understanding);
  judgement.understanding = std::move(understanding);
  return judgement;
}

std::string RouteLabel(const Route& route) {
  if (!route.description.empty()) return route.description;
  std::string label = route.name;
  std::replace(label.begin(), label.end(), '_', ' ');
  return label;
}

Result<Digression> JudgeDigression(const RouteFile& file, std::string_view form_route, const Judgement& judgement,
                                   std::string_view text) {
  Digression digression;
  if (judgement.route == nullptr || judgement.route->name == form_route) return digression;
  if (!phrases::LooksLikeQuestion(text) && judgement.confidence < (1 + judgement.bar->threshold) / 2) return digression;
  if (!judgement.route->action->AnswersAtOnce()) {
    digression.kind = Digression::Kind::kOtherTask;
    return digression;
  }
  static const HttpSend kNothingToSend;
  BANTAM_TRY(const ActionResult result,
             judgement.route->action->Run({.file = file, .question = text, .request_id = {}, .send = kNothingToSend}));
  digression.kind = Digression::Kind::kAnswer;
  digression.text = result.text;
  return digression;
}

std::string UnsureText(const RouteFile& file, const Understanding& understanding) {
  return Named(file, "utter_unsure", kUnsure, understanding);
}

std::string QueuedText(const RouteFile& file) {
  const auto found = file.responses.find("utter_queued");
  if (found != file.responses.end()) return found->second;
  return std::string(file.offline == OfflineRule::kQueue ? kQueuedWithId : kQueued);
}

std::string UpstreamFailedText(const RouteFile& file, const Understanding& understanding, UpstreamOutcome outcome) {
  // Nothing becomes of a rejected request by asking again.
  const std::string_view mend = outcome == UpstreamOutcome::kRejected ? "Please say it in other words, or choose"
                                                                      : "Please try again in a moment, or choose";
  const std::string other =
      fmt::format("I'm not sure, and {}. {} one of these:{{nearest}}", UpstreamFailed(outcome), mend);
  return Named(file, "utter_upstream_failed", other, understanding);
}

}  // namespace bantam
