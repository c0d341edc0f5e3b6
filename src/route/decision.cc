#include "route/decision.h"

#include <algorithm>

#include "route/actions/action.h"
#include "route/placeholders.h"

namespace bantam {
namespace {

constexpr std::string_view kUnsure =
    "I'm not sure what you mean. Is it one of these?{nearest}\nIf not, please say it in other words.";
constexpr std::string_view kUpstreamFailed =
    "I'm not sure, and the large model that I would ask can't be reached just now. Please try again in a moment, or "
    "choose one "
    "of these:{nearest}";

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

std::string UpstreamFailedText(const RouteFile& file, const Understanding& understanding) {
  return Named(file, "utter_upstream_failed", kUpstreamFailed, understanding);
}

}  // namespace bantam
