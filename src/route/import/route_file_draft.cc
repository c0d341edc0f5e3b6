#include "route/import/route_file_draft.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace bantam {
namespace {

// A text as YAML reads it back: JSON's quotes are YAML's double ones.
std::string Quoted(std::string_view text) { return QuoteJson(text); }

// An empty line, the section's comment, its name.
void BeginSection(const RouteFileDraft& draft, const std::string& name, std::string& out) {
  out += '\n';
  if (const auto comment = draft.comments.find(name); comment != draft.comments.end()) {
    std::string_view lines = comment->second;
    while (!lines.empty()) {
      const size_t end = std::min(lines.find('\n'), lines.size());
      out += fmt::format("# {}\n", lines.substr(0, end));
      lines.remove_prefix(std::min(end + 1, lines.size()));
    }
  }
  out += name + ":";
}

void WriteModels(const RouteFileDraft& draft, std::string& out) {
  if (draft.models.empty()) return;
  BeginSection(draft, "model_list", out);
  out += '\n';
  for (const RouteFileDraft::Model& model : draft.models) {
    out += fmt::format("  - model_name: {}\n    params:\n      model: {}\n      api_base: {}\n", model.name,
                       Quoted(model.model), Quoted(model.api_base));
    if (!model.api_key.empty()) out += fmt::format("      api_key: {}\n", Quoted(model.api_key));
    if (!model.timeout.empty()) out += fmt::format("      timeout: {}\n", model.timeout);
    for (const auto& [key, value] : model.params) out += fmt::format("      {}: {}\n", key, value);
    if (model.input_per_1m || model.output_per_1m) {
      out += fmt::format("    cost: {{input_per_1m: {:.6g}, output_per_1m: {:.6g}}}\n", model.input_per_1m.value_or(0),
                         model.output_per_1m.value_or(0));
    }
  }
}

void WriteUtterances(const std::vector<std::string>& utterances, std::string_view indent, std::string& out) {
  out += fmt::format("{}utterances:\n", indent);
  for (const std::string& utterance : utterances) out += fmt::format("{}  - {}\n", indent, Quoted(utterance));
}

void WriteRoutes(const RouteFileDraft& draft, std::string& out) {
  BeginSection(draft, "routes", out);
  out += '\n';
  for (const RouteFileDraft::Route& route : draft.routes) {
    if (!route.comment.empty()) out += fmt::format("  # {}\n", route.comment);
    out += fmt::format("  - name: {}\n", route.name);
    if (!route.description.empty()) out += fmt::format("    description: {}\n", Quoted(route.description));
    WriteUtterances(route.utterances, "    ", out);
    out += route.response.empty() ? std::string("    action: {type: escalate}\n")
                                  : fmt::format("    action: {{type: respond, response: {}}}\n", route.response);
  }
  if (draft.out_of_scope.empty()) return;
  BeginSection(draft, "out_of_scope", out);
  out += '\n';
  WriteUtterances(draft.out_of_scope, "  ", out);
}

void WriteSettings(const RouteFileDraft& draft, std::string& out) {
  const auto mapping = [&](const std::string& name,
                           std::initializer_list<std::pair<std::string_view, std::string>> keys) {
    std::string inside;
    for (const auto& [key, value] : keys) {
      if (!value.empty()) inside += fmt::format("{}{}: {}", inside.empty() ? "" : ", ", key, value);
    }
    if (inside.empty()) return;
    BeginSection(draft, name, out);
    out += fmt::format(" {{{}}}\n", inside);
  };
  const auto number = [](const auto& value) { return value ? fmt::format("{}", *value) : std::string(); };
  mapping("decision", {{"policy", draft.policy},
                       {"confidence_threshold", number(draft.confidence_threshold)},
                       {"ambiguity_threshold", number(draft.ambiguity_threshold)},
                       {"nlu_fallback", draft.fallback}});
  mapping("router_settings", {{"num_retries", number(draft.num_retries)},
                              {"timeout", draft.timeout},
                              {"allowed_fails", number(draft.allowed_fails)},
                              {"cooldown_time", draft.cooldown_time}});
  mapping("session", {{"ttl", draft.session_ttl}});
}

}  // namespace

RouteFileDraft::Route* RouteFileDraft::FindRoute(std::string_view route) {
  const auto found = std::ranges::find(routes, route, &Route::name);
  return found == routes.end() ? nullptr : &*found;
}

bool RouteFileDraft::HasResponse(std::string_view response) const {
  return std::ranges::any_of(responses, [&](const auto& own) { return own.first == response; });
}

std::string WriteRouteFile(const RouteFileDraft& draft) {
  std::string out;
  for (const std::string& line : draft.header) out += line.empty() ? "#\n" : fmt::format("# {}\n", line);
  out += fmt::format("version: 1\nname: {}\n", draft.name);
  if (!draft.encoder.empty()) {
    if (!draft.encoder_comment.empty()) out += fmt::format("# {}\n", draft.encoder_comment);
    out += fmt::format("encoder: {{model: {}}}\n", Quoted(draft.encoder));
  }
  WriteModels(draft, out);
  WriteRoutes(draft, out);
  WriteSettings(draft, out);
  if (!draft.responses.empty()) {
    BeginSection(draft, "responses", out);
    out += '\n';
  }
  for (const auto& [name, text] : draft.responses) out += fmt::format("  {}: {{text: {}}}\n", name, Quoted(text));
  if (!draft.tests.empty()) {
    BeginSection(draft, "tests", out);
    out += '\n';
  }
  for (const RouteFileDraft::Test& test : draft.tests) {
    out += test.route.empty() ? fmt::format("  - must_escalate: {}\n", Quoted(test.say))
                              : fmt::format("  - {{say: {}, expect: {{route: {}}}}}\n", Quoted(test.say), test.route);
  }
  return out;
}

std::string PlainRouteName(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    if (plain) {
      out += c;
    } else if (c == '/') {  // Rasa's chitchat/ask_name
      out += '.';
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (!out.empty() && (out.back() == '_' || out.back() == '.')) out.pop_back();
  out.erase(0, std::min(out.find_first_not_of('.'), out.size()));
  out.resize(std::min<size_t>(out.size(), 64));
  return out.empty() ? "route" : out;
}

}  // namespace bantam
