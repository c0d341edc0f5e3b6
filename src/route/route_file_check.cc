#include <algorithm>
#include <map>
#include <set>

#include "base/text_util.h"
#include "route/route_file_reader.h"
#include "route/suggest.h"

namespace bantam {
namespace {

using Places = std::map<std::string, YamlPlace>;

std::vector<std::string> NamesOf(const Places& places) {
  std::vector<std::string> names;
  for (const auto& [name, place] : places) names.push_back(name);
  return names;
}

void CheckUses(RouteFileReading& reading) {
  const std::pair<const Places*, std::string_view> kinds[] = {
      {&reading.response_places, "response"}, {&reading.form_places, "form"}, {&reading.model_places, "model"}};
  std::set<std::string> used[3];
  for (const References::Use& use : reading.references.uses) {
    const auto& [places, kind] = kinds[static_cast<size_t>(use.kind)];
    used[static_cast<size_t>(use.kind)].insert(use.name);
    if (use.name.empty() || places->contains(use.name)) continue;
    const std::string_view section = use.kind == References::Kind::kModel ? "model_list"
                                     : kind == "form"                     ? "forms"
                                                                          : "responses";
    reading.problems.Error(
        use.place, "there is no {} \"{}\"{}", kind, EscapeForTerminal(use.name, 60),
        places->empty() ? fmt::format("; add it under \"{}\"", section) : DidYouMean(use.name, NamesOf(*places)));
  }
  // The router says these by itself.
  used[0].insert({"utter_unsure", "utter_upstream_failed", "utter_clarify", "utter_form_gone", "utter_queued"});
  for (size_t i = 0; i < 3; ++i) {
    for (const auto& [name, place] : *kinds[i].first) {
      if (!used[i].contains(name)) reading.problems.Warning(place, "nothing uses the {} \"{}\"", kinds[i].second, name);
    }
  }
}

void CheckParents(RouteFileReading& reading) {
  const RouteFile& file = reading.file;
  std::vector<std::string> routes;
  for (const Route& route : file.routes) routes.push_back(route.name);
  for (const auto& [name, place] : reading.parents) {
    const Route* route = file.FindRoute(name);
    if (file.FindRoute(route->parent) == nullptr) {
      reading.problems.Error(place, "there is no route \"{}\"{}", EscapeForTerminal(route->parent, 60),
                             DidYouMean(route->parent, routes));
    } else if (file.IsWithin(route->parent, name)) {
      reading.problems.Error(place, "the route \"{}\" is its own ancestor by way of \"{}\"; remove one \"parent\"",
                             name, route->parent);
    } else if (file.budget && file.calibration.empty()) {
      reading.problems.Warning(place,
                               "the parent \"{}\" never stands in for \"{}\": its error budget needs a "
                               "\"calibration_file\"",
                               route->parent, name);
    }
  }
  for (const auto& [name, place] : reading.without_examples) {
    const bool is_parent =
        !name.empty() && std::ranges::any_of(file.routes, [&](const Route& r) { return r.parent == name; });
    if (is_parent) continue;
    reading.problems.Error(place, "route \"{}\" has no examples; give it \"utterances\" or an \"examples_file\"", name);
  }
}

void CheckTests(RouteFileReading& reading) {
  std::vector<std::string> routes;
  for (const Route& route : reading.file.routes) routes.push_back(route.name);
  for (const auto& [name, place] : reading.tested_routes) {
    if (reading.file.FindRoute(name) == nullptr) {
      reading.problems.Error(place, "there is no route \"{}\"{}", EscapeForTerminal(name, 60),
                             DidYouMean(name, routes));
    }
  }
  std::set<std::string> slots;
  for (const auto& [name, form] : reading.file.forms) {
    for (const Slot& slot : form.slots) slots.insert(slot.name);
  }
  for (const auto& [name, place] : reading.tested_slots) {
    if (!slots.contains(name)) {
      reading.problems.Error(place, "no form has a slot \"{}\"{}", EscapeForTerminal(name, 60),
                             DidYouMean(name, std::vector<std::string>(slots.begin(), slots.end())));
    }
  }
}

void CheckExamples(RouteFileReading& reading) {
  std::map<std::string, const ReadExample*> seen;
  int warned = 0;
  for (const ReadExample& example : reading.examples) {
    const auto [before, is_new] = seen.emplace(NormalizeQuestion(example.text), &example);
    if (is_new || warned >= 20) continue;
    ++warned;
    const auto owner = [](const ReadExample& e) {
      return e.route == kOutOfScopeLabel ? std::string("out of scope") : fmt::format("route \"{}\"", e.route);
    };
    const std::string text = EscapeForTerminal(example.text, 60);
    if (before->second->route == example.route) {
      reading.problems.Warning(example.place, "\"{}\" is an example of {} twice, first in {}", text, owner(example),
                               before->second->where);
    } else {
      reading.problems.Warning(example.place,
                               "\"{}\" is an example of {} and of {} ({}); they cannot be told apart by it", text,
                               owner(example), owner(*before->second), before->second->where);
    }
  }
}

}  // namespace

void CheckRouteFile(RouteFileReading& reading) {
  CheckUses(reading);
  CheckTests(reading);
  CheckExamples(reading);
  CheckDecision(reading);
  CheckLearning(reading);
  CheckParents(reading);  // which asks for the budget
  RouteFile& file = reading.file;
  if (file.routes.size() == 1) {
    reading.problems.Error({file.routes[0].line, 1},
                           "there is only the route \"{}\"; add another one, there is nothing to decide",
                           file.routes[0].name);
  }
  if (file.out_of_scope.empty() && !file.routes.empty()) {
    reading.problems.Warning(
        {}, "no \"out_of_scope\" examples; with some, the assistant is better at saying that it is unsure");
  }
  for (const auto& [name, place] : reading.model_places) {
    if (name == file.name) {
      reading.problems.Error(place, "the model \"{}\" has the assistant's own name; rename one", name);
    }
  }
}

}  // namespace bantam
