// decision: when a route is taken, when somebody is asked what was meant, and who gets the rest.
#include <map>

#include "base/text_util.h"
#include "route/budget_report.h"
#include "route/route_file_reader.h"
#include "route/suggest.h"

namespace bantam {
namespace {

// `clarify: {max_options: 3, max_turns: 1}`, or `clarify: off`
void ReadClarify(YamlMap& decision, RouteFileReading& reading) {
  const YamlNode::Entry* entry = decision.Find("clarify");
  if (entry == nullptr) return;
  if (entry->value.kind == YamlNode::Kind::kScalar) {
    if (entry->value.scalar == "off") {
      reading.decision.clarify = false;
    } else {
      reading.problems.Error(entry->value.place,
                             "\"clarify\" is \"{}\"; write off, or {{max_options: 3, max_turns: 1}}",
                             EscapeForTerminal(entry->value.scalar, 40));
    }
    return;
  }
  YamlMap map(entry->value, "\"clarify\"", reading.problems);
  ClarifyRule rule;
  rule.max_options = static_cast<int>(map.Integer("max_options", rule.max_options, 2, 5));
  rule.max_turns = static_cast<int>(map.Integer("max_turns", rule.max_turns, 1, 5));
  map.Finish();
  reading.decision.clarify = true;
  reading.file.clarify = rule;
}

// `multiple: {max: 2}`, or `multiple: off`
void ReadMultiple(YamlMap& decision, RouteFileReading& reading) {
  const YamlNode::Entry* entry = decision.Find("multiple");
  if (entry == nullptr) return;
  if (entry->value.kind == YamlNode::Kind::kScalar) {
    if (entry->value.scalar == "off") return;
    reading.problems.Error(entry->value.place, "\"multiple\" is \"{}\"; write off, or {{max: 2}}",
                           EscapeForTerminal(entry->value.scalar, 40));
    return;
  }
  YamlMap map(entry->value, "\"multiple\"", reading.problems);
  reading.file.max_requests = static_cast<int>(map.Integer("max", 2, 2, 4));
  map.Finish();
}

// `drift: {window: 500, false_alarm: 0.001}`, or `drift: off`
void ReadDrift(YamlMap& decision, RouteFileReading& reading) {
  const YamlNode::Entry* entry = decision.Find("drift");
  if (entry == nullptr) return;
  reading.decision.of_risk.push_back({"drift", entry->value.place});
  if (entry->value.kind == YamlNode::Kind::kScalar) {
    if (entry->value.scalar != "off") {
      reading.problems.Error(entry->value.place,
                             "\"drift\" is \"{}\"; write off, or {{window: 500, false_alarm: 0.001}}",
                             EscapeForTerminal(entry->value.scalar, 40));
    }
    reading.decision.drift = false;
    return;
  }
  YamlMap map(entry->value, "\"drift\"", reading.problems);
  DriftRule rule;
  rule.window = static_cast<int>(map.Integer("window", rule.window, 50, 100'000));
  rule.false_alarm = map.Number("false_alarm", 1e-9, 0.1).value_or(rule.false_alarm);
  map.Finish();
  reading.decision.drift = true;
  reading.file.drift = rule;
}

// Held-out lines {"text": ..., "label": ...}; labels are checked once the routes are read.
void ReadCalibration(YamlMap& decision, RouteFileReading& reading) {
  if (!decision.Has("calibration_file")) return static_cast<void>(decision.Find("calibration_file"));
  DecisionReading& read = reading.decision;
  read.calibration_file = decision.RequiredText("calibration_file", "name a file of lines {\"text\", \"label\"}");
  read.calibration_place = decision.PlaceOf("calibration_file");
  read.of_risk.push_back({"calibration_file", read.calibration_place});
  if (read.calibration_file.empty()) return;
  const Path path = reading.file.path.parent_path() / read.calibration_file;
  const Result<std::string> bytes = ReadFile(path, uint64_t{64} << 20);
  if (!bytes) {
    reading.problems.Error(read.calibration_place, "{}; its path is relative to the route file", bytes.error().message);
    return;
  }
  reading.HashBytes(*bytes);
  Result<std::vector<LabelledText>> lines = ReadExamples(path);
  if (!lines) {
    reading.problems.Error(read.calibration_place, "{}", lines.error().message);
    return;
  }
  reading.file.calibration = *std::move(lines);
}

// The policy that the file asks for; nothing after a complaint.
std::optional<bool> WantsRisk(RouteFileReading& reading) {
  const DecisionReading& read = reading.decision;
  const bool risk = read.policy.empty() ? !read.of_risk.empty() : read.policy == "risk";
  for (const DecisionReading::Key& key : risk ? read.of_threshold : read.of_risk) {
    reading.problems.Error(key.place, "\"{}\" does nothing with policy: {}; remove it, or write policy: {}", key.name,
                           risk ? "risk, where the threshold follows from \"max_error\"" : "threshold",
                           risk ? "threshold" : "risk");
  }
  return (risk ? read.of_threshold : read.of_risk).empty() ? std::optional(risk) : std::nullopt;
}

// A line that the head is trained on says nothing about messages that it has not seen.
void CheckHeldOut(RouteFileReading& reading) {
  RouteFile& file = reading.file;
  std::map<std::string, const ReadExample*> examples;
  for (const ReadExample& example : reading.examples) examples.emplace(NormalizeQuestion(example.text), &example);
  std::vector<std::string> routes;
  for (const Route& route : file.routes) routes.push_back(route.name);
  int mistakes = 0;
  for (const LabelledText& line : file.calibration) {
    if (mistakes == 3) return;
    const std::string& name = reading.decision.calibration_file;
    if (line.label != kOutOfScopeLabel && file.FindRoute(line.label) == nullptr) {
      ++mistakes;
      reading.problems.Error(reading.decision.calibration_place, "{}: there is no route \"{}\"{}", name,
                             EscapeForTerminal(line.label, 60), DidYouMean(line.label, routes));
    } else if (const auto found = examples.find(NormalizeQuestion(line.text)); found != examples.end()) {
      ++mistakes;
      reading.problems.Error(reading.decision.calibration_place,
                             "{}: \"{}\" is an example, too ({}); calibration wants messages that are no examples",
                             name, EscapeForTerminal(line.text, 60), found->second->where);
    }
  }
}

// What no training can mend: there are too few messages for the bound, were each of them right.
void WarnOfFewMessages(RouteFileReading& reading) {
  const RouteFile& file = reading.file;
  const bool separate = !file.calibration.empty();
  std::map<std::string, int> of_route;
  int of_others = 0;
  const auto count = [&](const std::string& label) {
    const Route* route = file.FindRoute(label);
    ++(route != nullptr && route->max_error ? of_route[label] : of_others);
  };
  if (separate) {
    for (const LabelledText& line : file.calibration) count(line.label);
  } else {
    for (const ReadExample& example : reading.examples) count(example.route);
  }
  const auto warn = [&](YamlPlace place, std::string_view who, double max_error, int have, std::string_view then) {
    const int need = LeastAnswers({max_error, file.budget->delta});
    if (have >= need) return;
    reading.problems.Warning(
        place,
        "{} cannot be shown to err in at most {} (\"delta\" {:g}): that takes {} {} at least, there "
        "are {}; {} until there are more",
        who, PercentText(max_error), file.budget->delta, need, separate ? "lines in \"calibration_file\"" : "examples",
        have, then);
  };
  warn(reading.decision.place, "the assistant", file.budget->max_error, of_others, "it answers nothing itself");
  for (const Route& route : file.routes) {
    if (!route.max_error) continue;
    warn({route.line, 1}, fmt::format("route \"{}\"", route.name), *route.max_error, of_route[route.name],
         "it is not taken");
  }
}

}  // namespace

void ReadDecision(YamlMap& top, RouteFileReading& reading) {
  const YamlNode* node = top.Map("decision");
  if (node == nullptr) return;
  DecisionReading& read = reading.decision;
  YamlMap map(*node, "\"decision\"", reading.problems);
  read.place = map.place();
  if (map.Has("policy")) {
    read.policy = map.OneOf("policy", {"risk", "threshold"}, "threshold");
  } else {
    static_cast<void>(map.Find("policy"));
  }
  if (const YamlNode::Entry* entry = map.Find("confidence_threshold")) {
    if (entry->value.kind != YamlNode::Kind::kScalar || entry->value.scalar != "auto") {
      reading.file.confidence_threshold = ReadNumber(entry->value, "confidence_threshold", 0, 1, reading.problems);
      read.of_threshold.push_back({"confidence_threshold", entry->value.place});
    }
  }
  reading.file.ambiguity_threshold = map.Number("ambiguity_threshold", 0, 1);
  if (reading.file.ambiguity_threshold) {
    read.of_threshold.push_back({"ambiguity_threshold", map.PlaceOf("ambiguity_threshold")});
  }
  read.max_error = map.Number("max_error", kLeastMaxError, kMostMaxError);
  if (read.max_error) read.of_risk.push_back({"max_error", map.PlaceOf("max_error")});
  read.delta = map.Number("delta", 0.0001, 0.5);
  if (read.delta) read.of_risk.push_back({"delta", map.PlaceOf("delta")});
  ReadCalibration(map, reading);
  ReadClarify(map, reading);
  ReadMultiple(map, reading);
  ReadDrift(map, reading);
  reading.file.fallback_upstream = map.Text("nlu_fallback");
  if (map.Has("nlu_fallback")) {
    reading.references.Add(References::Kind::kModel, reading.file.fallback_upstream, map.PlaceOf("nlu_fallback"));
  }
  map.Finish();
}

void CheckDecision(RouteFileReading& reading) {
  RouteFile& file = reading.file;
  const DecisionReading& read = reading.decision;
  const std::optional<bool> risk = WantsRisk(reading);
  if (!risk || !*risk) return;
  file.budget = ErrorBudget();
  if (read.max_error) file.budget->max_error = *read.max_error;
  if (read.delta) file.budget->delta = *read.delta;
  if (!read.clarify) file.clarify = ClarifyRule();
  // Examples that somebody wrote are never like traffic: only messages that were held out of it can drift.
  if (!read.drift && !file.calibration.empty()) file.drift = DriftRule();
  for (const Route& route : file.routes) {
    if (route.max_error && *route.max_error > file.budget->max_error) {
      reading.problems.Error({route.line, 1},
                             "route \"{}\" may err more often ({}) than the whole assistant ({}); give it a smaller "
                             "\"max_error\", or none",
                             route.name, PercentText(*route.max_error), PercentText(file.budget->max_error));
    }
  }
  CheckHeldOut(reading);
  if (!reading.problems.any()) WarnOfFewMessages(reading);
}

}  // namespace bantam
