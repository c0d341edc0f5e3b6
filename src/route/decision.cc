#include "route/decision.h"

#include <fmt/format.h>

#include <algorithm>

#include "route/actions/action.h"
#include "route/forms/phrases.h"
#include "route/placeholders.h"

namespace bantam {
namespace {

constexpr std::string_view kUnsure =
    "I'm not sure what you mean. Is it one of these?{nearest}\nIf not, please say it in other words.";
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
    case UpstreamOutcome::kOk:
    case UpstreamOutcome::kCancelled:
      break;
  }
  return "the large model that I would ask gave no answer";
}

// {nearest} as lines of their own, whatever stands around it.
std::string WithNearest(std::string_view text, const RouteFile& file, const Understanding& understanding) {
  std::string list;
  for (const std::string& name : understanding.nearest_routes) {
    const Route* route = file.FindRoute(name);
    if (route == nullptr) continue;
    std::string label = route->description;
    if (label.empty()) {
      label = name;
      std::replace(label.begin(), label.end(), '_', ' ');
    }
    list += "\n• " + label;
  }
  static constexpr std::string_view kHole = "{nearest}";
  std::string out;
  while (true) {
    const size_t hole = text.find(kHole);
    std::string_view before = text.substr(0, hole);
    if (hole == std::string_view::npos) return out + std::string(before);
    while (before.ends_with(' ') || before.ends_with('\n')) before.remove_suffix(1);
    out += before;
    out += list;
    text.remove_prefix(hole + kHole.size());
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (!text.empty() && !text.starts_with('\n')) out += '\n';
  }
}

std::string Named(const RouteFile& file, const std::string& response, std::string_view other,
                  const Understanding& understanding) {
  const auto found = file.responses.find(response);
  return WithNearest(found == file.responses.end() ? other : std::string_view(found->second), file, understanding);
}

}  // namespace

Judgement Judge(const RouteFile& file, Understanding understanding, double head_threshold) {
  Judgement judgement;
  const Route* likeliest = file.FindRoute(understanding.route);
  judgement.threshold = file.confidence_threshold.value_or(head_threshold);
  if (likeliest != nullptr && likeliest->confidence_threshold) judgement.threshold = *likeliest->confidence_threshold;
  if (likeliest != nullptr && understanding.confidence >= judgement.threshold) judgement.route = likeliest;
  judgement.understanding = std::move(understanding);
  return judgement;
}

Result<Digression> JudgeDigression(const RouteFile& file, std::string_view form_route, const Judgement& judgement,
                                   std::string_view text) {
  Digression digression;
  if (judgement.route == nullptr || judgement.route->name == form_route) return digression;
  if (!phrases::LooksLikeQuestion(text) && judgement.understanding.confidence < (1 + judgement.threshold) / 2)
    return digression;
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

std::string UpstreamFailedText(const RouteFile& file, const Understanding& understanding, UpstreamOutcome outcome) {
  // Nothing becomes of a rejected request by asking again.
  const std::string_view mend = outcome == UpstreamOutcome::kRejected ? "Please say it in other words, or choose"
                                                                      : "Please try again in a moment, or choose";
  const std::string other =
      fmt::format("I'm not sure, and {}. {} one of these:{{nearest}}", UpstreamFailed(outcome), mend);
  return Named(file, "utter_upstream_failed", other, understanding);
}

}  // namespace bantam
