#include "base/json.h"
#include "base/text_util.h"
#include "route/route_file_reader.h"
#include "route/suggest.h"

namespace bantam {
namespace {

constexpr size_t kMaxExampleBytes = 4'000;

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

// Complains and gives false for a text that cannot be an example.
bool CheckExample(std::string_view text, std::string_view where, YamlPlace place, Problems& problems) {
  if (IsBlank(text)) {
    problems.Error(place, "an example ({}) is empty; remove it", where);
    return false;
  }
  if (text.size() > kMaxExampleBytes) {
    problems.Error(place, "an example ({}) has {} bytes; shorten it to what a person would type", where, text.size());
    return false;
  }
  return true;
}

// JSON lines {"text": "..."}; other keys are left alone, so that labelled data sets can be used as they are.
void ReadExamplesFile(YamlMap& map, const std::string& route, RouteFileReading& reading) {
  if (!map.Has("examples_file")) return static_cast<void>(map.Find("examples_file"));
  const std::string name = map.RequiredText("examples_file", "name a file of lines {\"text\": \"...\"}");
  if (name.empty()) return;
  const YamlPlace place = map.PlaceOf("examples_file");
  const Path path = reading.file.path.parent_path() / name;
  const Result<std::string> bytes = ReadFile(path, uint64_t{64} << 20);
  if (!bytes) {
    reading.problems.Error(place, "{}; its path is relative to the route file", bytes.error().message);
    return;
  }
  reading.HashBytes(*bytes);
  int number = 0, mistakes = 0;
  for (size_t at = 0; at < bytes->size() && mistakes < 3;) {
    const size_t end = std::min(bytes->find('\n', at), bytes->size());
    const std::string_view line = std::string_view(*bytes).substr(at, end - at);
    at = end + 1;
    ++number;
    if (IsBlank(line)) continue;
    const std::string where = fmt::format("{} line {}", name, number);
    const Result<json::value> value = ParseJson(line, where, {.max_depth = 8, .max_bytes = 65'536});
    const json::value* text = value && value->is_object() ? value->get_object().if_contains("text") : nullptr;
    if (text == nullptr || !text->is_string()) {
      ++mistakes;
      reading.problems.Error(place, "{}",
                             value ? fmt::format("{}: no \"text\"; write {{\"text\": \"...\"}}", where)
                                   : fmt::format("{}; write {{\"text\": \"...\"}}", value.error().message));
      continue;
    }
    if (CheckExample(text->get_string(), where, place, reading.problems)) {
      reading.examples.push_back({std::string(text->get_string()), route, place, where});
    }
  }
  if (number == 0) reading.problems.Error(place, "{} is empty; add lines {{\"text\": \"...\"}}", name);
}

void ReadUtterances(YamlMap& map, const std::string& route, RouteFileReading& reading) {
  for (auto& [text, place] : map.TextList("utterances")) {
    const std::string where = fmt::format("line {}", place.line);
    if (CheckExample(text, where, place, reading.problems)) {
      reading.examples.push_back({std::move(text), route, place, where});
    }
  }
}

std::shared_ptr<const Action> ReadAction(YamlMap& route_map, Route& route, RouteFileReading& reading) {
  const YamlNode::Entry* entry = route_map.Find("action");
  if (entry == nullptr) {
    reading.problems.Error(route_map.place(),
                           "route \"{}\" has no \"action\"; add action: {{type: respond, response: NAME}}", route.name);
    return nullptr;
  }
  YamlMap map(entry->value, fmt::format("the action of route \"{}\"", route.name), reading.problems);
  std::vector<std::string> names;
  for (const ActionType& type : ActionTypes()) names.emplace_back(type.name);
  const size_t before = reading.problems.num_errors();
  route.action_type = map.OneOf("type", names, "");
  if (!map.valid() || reading.problems.num_errors() > before) return nullptr;
  for (const ActionType& type : ActionTypes()) {
    if (type.name != route.action_type) continue;
    auto action = type.read(map, reading.references);
    map.Finish();
    return action;
  }
  return nullptr;
}

void ReadRoute(const YamlNode& node, RouteFileReading& reading) {
  Problems& problems = reading.problems;
  YamlMap map(node, "an item of \"routes\"", problems);
  if (!map.valid()) return;
  Route route;
  route.name = map.RequiredText("name", "give it a name");
  route.line = map.PlaceOf("name").line;
  if (!route.name.empty()) {
    if (CheckName("a route", route.name, map.PlaceOf("name"), problems) && route.name == kOutOfScopeLabel) {
      problems.Error(map.PlaceOf("name"), "\"{}\" stands for out of scope; give the route another name",
                     kOutOfScopeLabel);
    }
    if (const Route* before = reading.file.FindRoute(route.name)) {
      problems.Error(map.PlaceOf("name"), "the route \"{}\" is here twice, first in line {}; rename one", route.name,
                     before->line);
    }
  }
  YamlMap named(node, fmt::format("route \"{}\"", route.name), problems);
  static_cast<void>(named.Find("name"));
  route.description = named.Text("description");
  route.confidence_threshold = named.Number("confidence_threshold", 0, 1);
  if (route.confidence_threshold) {
    reading.decision.of_threshold.push_back({"confidence_threshold", named.PlaceOf("confidence_threshold")});
  }
  route.max_error = named.Number("max_error", kLeastMaxError, kMostMaxError);
  if (route.max_error) reading.decision.of_risk.push_back({"max_error", named.PlaceOf("max_error")});
  const size_t first = reading.examples.size();
  const size_t errors_before = problems.num_errors();
  ReadUtterances(named, route.name, reading);
  ReadExamplesFile(named, route.name, reading);
  for (size_t i = first; i < reading.examples.size(); ++i) route.utterances.push_back(reading.examples[i].text);
  if (route.utterances.empty() && problems.num_errors() == errors_before) {
    reading.without_examples.emplace_back(route.name, named.place());
  } else if (route.utterances.size() < 5 && problems.num_errors() == errors_before) {
    problems.Warning(named.PlaceOf("name"), "route \"{}\" has {} example{}; with fewer than 5 it is easily mistaken",
                     route.name, route.utterances.size(), route.utterances.size() == 1 ? "" : "s");
  }
  route.action = ReadAction(named, route, reading);
  route.parent = named.Text("parent");
  if (named.Has("parent")) reading.parents.emplace_back(route.name, named.PlaceOf("parent"));
  named.Finish();
  reading.file.routes.push_back(std::move(route));
}

}  // namespace

void ReadRoutes(YamlMap& top, RouteFileReading& reading) {
  if (!top.Has("routes")) {
    reading.problems.Error(top.place(), "the route file has no \"routes\"; add at least one");
    static_cast<void>(top.Find("routes"));
  } else if (const YamlNode* list = top.Sequence("routes")) {
    if (list->items.empty()) reading.problems.Error(top.PlaceOf("routes"), "\"routes\" is empty; add at least one");
    for (const YamlNode& node : list->items) ReadRoute(node, reading);
  }
  if (const YamlNode* node = top.Map("out_of_scope")) {
    YamlMap map(*node, "\"out_of_scope\"", reading.problems);
    const size_t first = reading.examples.size();
    ReadUtterances(map, std::string(kOutOfScopeLabel), reading);
    ReadExamplesFile(map, std::string(kOutOfScopeLabel), reading);
    for (size_t i = first; i < reading.examples.size(); ++i)
      reading.file.out_of_scope.push_back(reading.examples[i].text);
    map.Finish();
  }
}

}  // namespace bantam
