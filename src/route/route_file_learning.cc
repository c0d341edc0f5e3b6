// learning: what becomes of messages that the large model had to answer.
#include "base/text_util.h"
#include "route/budget_report.h"
#include "route/route_file_reader.h"

namespace bantam {
namespace {

void ReadSources(YamlMap& map, LearningRule& rule) {
  if (!map.Has("from")) return static_cast<void>(map.Find("from"));
  rule.from_escalations = rule.from_feedback = false;
  const auto sources = map.TextList("from");
  for (const auto& [source, place] : sources) {
    if (source == "escalations") {
      rule.from_escalations = true;
    } else if (source == "feedback") {
      rule.from_feedback = true;
    } else {
      map.problems().Error(place, "\"from\" cannot be \"{}\"; write escalations, feedback or both",
                           EscapeForTerminal(source, 40));
    }
  }
  if (sources.empty() && map.HasList("from")) {
    map.problems().Error(map.PlaceOf("from"), "\"from\" is empty; write [escalations, feedback]");
  }
}

// Said, or the one that there is no doubt about.
void ReadTeacher(YamlMap& map, LearningRule& rule, RouteFileReading& reading) {
  rule.teacher = map.Text("teacher");
  if (map.Has("teacher")) {
    reading.references.Add(References::Kind::kModel, rule.teacher, map.PlaceOf("teacher"));
    return;
  }
  if (!reading.file.fallback_upstream.empty()) {
    rule.teacher = reading.file.fallback_upstream;
  } else if (reading.model_places.size() == 1) {
    rule.teacher = reading.model_places.begin()->first;
  } else {
    map.problems().Error(map.place(),
                         "\"learning\" needs a large model that says which route a message is about; name one of the "
                         "\"model_list\": teacher: big");
  }
}

void ReadPromotion(YamlMap& learning, LearningRule& rule, RouteFileReading& reading) {
  const YamlNode* node = learning.Map("promote_if");
  if (node == nullptr) return;
  YamlMap map(*node, "\"promote_if\"", reading.problems);
  if (const auto bound = map.Number("upper_bound_error", kLeastMaxError, kMostMaxError)) {
    rule.upper_bound_error = *bound;
    reading.upper_bound_place = map.PlaceOf("upper_bound_error");
  }
  rule.min_coverage_gain = map.Number("min_coverage_gain", 0, 1).value_or(rule.min_coverage_gain);
  map.Finish();
}

}  // namespace

void ReadLearning(YamlMap& top, RouteFileReading& reading) {
  const YamlNode* node = top.Map("learning");
  if (node == nullptr) return;
  YamlMap map(*node, "\"learning\"", reading.problems);
  LearningRule rule;
  ReadSources(map, rule);
  ReadTeacher(map, rule, reading);
  if (const auto rate = map.Number("explore_rate", 0, 1)) rule.explore_rate = *rate;
  if (rule.explore_rate == 0 && reading.file.calibration.empty()) {
    reading.problems.Warning(map.PlaceOf("explore_rate"),
                             "with an \"explore_rate\" of 0 no new head can ever be shown to be good enough: audited "
                             "messages are what it is judged on");
  }
  rule.review = map.OneOf("review", {"required", "auto"}, "required") == "required";
  ReadPromotion(map, rule, reading);
  rule.keep = static_cast<int>(map.Integer("keep", rule.keep, 1, 100));
  map.Finish();
  reading.file.learning = std::move(rule);
  if (!reading.file.audit_texts) {
    reading.problems.Error(map.place(),
                           "\"learning\" keeps messages to learn from, and this file says nowhere that texts may be "
                           "kept; write audit: {{content: text}}, or remove \"learning\"");
  }
}

void CheckLearning(RouteFileReading& reading) {
  RouteFile& file = reading.file;
  if (!file.learning) return;
  LearningRule& rule = *file.learning;
  rule.watch_drift = file.budget && !reading.decision.drift;
  const std::optional<double> budget = file.budget ? std::optional(file.budget->max_error) : std::nullopt;
  if (!reading.upper_bound_place) {
    rule.upper_bound_error = budget.value_or(rule.upper_bound_error);
  } else if (budget && rule.upper_bound_error > *budget) {
    reading.problems.Error(
        *reading.upper_bound_place,
        "\"upper_bound_error\" ({}) is more than the \"max_error\" of \"decision\" ({}), which holds "
        "for every head; give a smaller one, or leave it out",
        PercentText(rule.upper_bound_error), PercentText(*budget));
  }
}

}  // namespace bantam
