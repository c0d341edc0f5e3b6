// bantam check: is a route file right?
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <map>

#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/route_data.h"
#include "cli/terminal.h"
#include "route/actions/action.h"
#include "route/budget_report.h"
#include "route/router.h"
#include "route/yaml_reader.h"

namespace bantam::cli {
namespace {

std::string Plural(size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

size_t NumExamples(const RouteFile& file) {
  size_t count = 0;
  for (const Route& route : file.routes) count += route.utterances.size();
  return count;
}

std::string Policy(const RouteFile& file) {
  if (file.budget) return fmt::format("at most {} wrong answers", PercentText(file.budget->max_error));
  return file.confidence_threshold ? fmt::format("threshold {:.2f}", *file.confidence_threshold)
                                   : "threshold auto (the trained head's own)";
}

// ", at most 5 and 1000 tokens in 1d"; nothing without a limit.
std::string Limit(const SpendingLimit& limit) {
  if (!limit.any()) return {};
  std::string most;
  if (limit.money) most = fmt::format("{:g}", *limit.money);
  if (limit.tokens) most += fmt::format("{}{} tokens", most.empty() ? "" : " and ", *limit.tokens);
  return fmt::format(", at most {} in {}", most, DurationText(limit.period));
}

// "masked before big: EMAIL, PHONE"
std::string Masked(const PiiRule& rule) {
  std::vector<std::string_view> types;
  for (size_t i = 0; i < kNumPiiTypes; ++i) {
    if (rule.modes[i] != PiiMode::kOff) types.push_back(PiiTypeName(static_cast<PiiType>(i)));
  }
  return fmt::format("masked before {}: {}",
                     rule.models.empty() ? "every model" : fmt::format("{}", fmt::join(rule.models, ", ")),
                     types.empty() ? "nothing" : fmt::format("{}", fmt::join(types, ", "))) +
         (rule.person.model.empty() ? "; names of people are not looked for: \"pii\" has no \"person\"" : "");
}

// Where answers are kept, when that is not the state folder.
std::string CacheLine(const RouteFile& file) {
  if (file.cache_server)
    return fmt::format("  cache in {}, shared by all processes that name it\n", file.cache_server->shown);
  return file.cache_in_memory ? "  cache in memory only\n" : "";
}

// The large models, who stands in for them, what they may cost and what they get to see.
std::string Models(const RouteFile& file, const Colours& colours) {
  std::string out;
  for (const UpstreamConfig& upstream : file.upstreams) {
    const auto off = file.disabled_upstreams.find(upstream.label);
    out += fmt::format(
        "  model {}: {} at {}{}{}\n", upstream.label, EscapeForTerminal(upstream.model, 60),
        EscapeForTerminal(upstream.api_base, 100), Limit(upstream.limit),
        off == file.disabled_upstreams.end() ? std::string() : colours.Yellow(" (switched off: " + off->second + ")"));
  }
  for (const auto& [model, others] : file.fallbacks) {
    out += fmt::format("  in place of {}: {}\n", model, fmt::join(others, ", "));
  }
  if (file.spending_limits.total.any()) out += fmt::format("  all models{}\n", Limit(file.spending_limits.total));
  if (file.spending_limits.per_key.any()) out += fmt::format("  each key{}\n", Limit(file.spending_limits.per_key));
  if (file.pii) out += fmt::format("  {}\n", Masked(*file.pii));
  return out;
}

std::string AuditContent(const RouteFile& file) {
  if (!file.audit_texts) return "hashes only";
  std::string out = file.audit_key_file.empty() ? "texts" : "encrypted texts";
  if (file.audit_retention.count() > 0) out += " for " + DurationText(file.audit_retention);
  return out;
}

struct Options {
  std::string config;
  bool json = false;
  bool no_model = false;
  bool no_tests = false;

  bool tested() const { return !no_model && !no_tests; }
};

// router: null where only the file was read.
std::string Table(const RouteFile& file, const Router* router, bool tested, const Colours& colours) {
  const std::string path = EscapeForTerminal(file.path.string(), 400);
  std::string out = fmt::format("{} {}: {}, {}, {} out of scope, {}, {}{}\n\n", colours.Green("OK"), path,
                                Plural(file.routes.size(), "route"), Plural(NumExamples(file), "example"),
                                file.out_of_scope.size(), Plural(file.forms.size(), "form"),
                                Plural(file.tests.size(), "test"), tested && !file.tests.empty() ? " passed" : "");
  size_t width = 8;
  for (const Route& route : file.routes) width = std::max(width, std::min<size_t>(route.name.size(), 28));
  out += colours.Dim(fmt::format("  {}  examples  action", Column("route", width))) + "\n";
  for (const Route& route : file.routes) {
    std::string threshold;
    if (route.confidence_threshold) threshold = fmt::format("  (threshold {:.2f})", *route.confidence_threshold);
    if (route.max_error) threshold = fmt::format("  (at most {} wrong)", PercentText(*route.max_error));
    out += fmt::format("  {}  {:8}  {}{}\n", Column(route.name, width), route.utterances.size(),
                       EscapeForTerminal(route.action->Describe(), 100), threshold);
  }
  if (!file.forms.empty()) out += "\n" + colours.Dim(fmt::format("  {}  slots", Column("form", width))) + "\n";
  for (const auto& [name, form] : file.forms) {
    std::string slots;
    for (const Slot& slot : form.slots)
      slots += (slots.empty() ? "" : ", ") + slot.name + (slot.optional ? " (optional)" : "");
    out += fmt::format("  {}  {}\n", Column(name, width), slots);
  }
  out += fmt::format("\n  served as {}, read by {} ({}), {}\n", colours.Bold(file.name), file.encoder_model,
                     file.encoder_dtype, Policy(file));
  if (router != nullptr) {
    for (const std::string& line : DescribeBudgets(router->policy(), file)) out += fmt::format("  {}\n", line);
  }
  out += fmt::format("  below it: {}{}\n", file.clarify ? "asks back where a few routes are left, else " : "",
                     file.fallback_upstream.empty() ? "says that it is not sure" : "asks " + file.fallback_upstream);
  out += Models(file, colours) + CacheLine(file);
  out +=
      fmt::format("  cache {}, sessions {}, audit log with {}\n",
                  file.cache_enabled ? fmt::format("{} for {}{}", file.cache.max_entries, DurationText(file.cache.ttl),
                                                   file.semantic_cache ? " (also by other words)" : "")
                                     : "off",
                  DurationText(file.session_ttl), AuditContent(file));
  return out;
}

std::string Json(const RouteFile& file, const Router* router, bool tested) {
  json::array routes, warnings;
  for (const Route& route : file.routes) {
    json::object object{{"name", route.name},
                        {"line", route.line},
                        {"examples", route.utterances.size()},
                        {"action", route.action->Describe()}};
    if (route.confidence_threshold) object["confidence_threshold"] = *route.confidence_threshold;
    if (route.max_error) object["max_error"] = *route.max_error;
    routes.push_back(std::move(object));
  }
  for (const std::string& warning : file.warnings) warnings.emplace_back(warning);
  json::object object{{"ok", true},
                      {"name", file.name},
                      {"sha256", file.sha256},
                      {"examples", NumExamples(file)},
                      {"out_of_scope", file.out_of_scope.size()},
                      {"forms", file.forms.size()},
                      {"tests", file.tests.size()},
                      {"tested", tested},
                      {"routes", std::move(routes)},
                      {"warnings", std::move(warnings)}};
  if (router != nullptr) object["decision"] = PolicyJson(router->policy());
  return ToJson(object) + "\n";
}

// As a server does before it serves the file: its encoder is loaded, its head trained where none is stored for these
// examples, its tests are run. Nothing is written.
Result<std::unique_ptr<Router>> TryOut(RouteFile file, const Options& options) {
  ProgressBar bar("trying it out");
  file.warnings.clear();  // they are told here
  return Router::Create(std::move(file),
                        {.persistent = false,
                         .offline = true,
                         .progress = [&](std::string_view stage, double fraction) { bar.Update(stage, fraction); },
                         .rehearse = !options.no_tests});
}

// "FILE:3:5: what is wrong" as an object.
json::object Problem(std::string_view line, const std::string& config) {
  std::string_view rest = line;
  int64_t numbers[2] = {0, 0};
  bool placed = rest.starts_with(config + ":");
  if (placed) rest.remove_prefix(config.size() + 1);
  for (int64_t& number : numbers) {
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    placed = placed && error == std::errc() && end != rest.data() + rest.size() && *end == ':';
    if (placed) rest.remove_prefix(static_cast<size_t>(end - rest.data()) + 1);
  }
  if (!placed) return {{"message", line}, {"line", nullptr}, {"column", nullptr}};
  return {{"message", rest.substr(std::min(rest.find_first_not_of(' '), rest.size()))},
          {"line", numbers[0]},
          {"column", numbers[1]}};
}

Status Refuse(const Error& error, const Options& options) {
  if (!options.json) return error;
  json::array errors;
  std::string_view rest = error.message;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    errors.emplace_back(Problem(rest.substr(0, end), options.config));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  BANTAM_RETURN_IF_ERROR(Print(ToJson(json::object{{"ok", false}, {"errors", std::move(errors)}}) + "\n"));
  return Err(error.code, "{} is not right", EscapeForTerminal(options.config, 400));
}

Status Check(const Options& options) {
  const Result<RouteFile> file = LoadRouteFile(options.config);
  if (!file) return Refuse(file.error(), options);
  std::unique_ptr<Router> router;
  if (!options.no_model) {
    if (const auto key = LoadAuditKey(*file); !key) return Refuse(key.error(), options);
    auto tried = TryOut(*file, options);
    if (!tried) return Refuse(tried.error(), options);
    router = *std::move(tried);
  }
  if (options.json) return Print(Json(*file, router.get(), options.tested()));
  const Colours colours(STDOUT_FILENO);
  std::string out = Table(*file, router.get(), options.tested(), colours);
  if (!file->warnings.empty()) out += "\n";
  for (const std::string& warning : file->warnings) out += colours.Yellow("warning: ") + warning + "\n";
  return Print(out);
}

}  // namespace

Run SetUpCheck(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-c,--config", options->config, "The route file")->required()->type_name("FILE");
  app.add_flag("--json", options->json, "Print one JSON object");
  app.add_flag("--no-tests", options->no_tests, "Do not run the file's own tests");
  app.add_flag("--no-model", options->no_model,
               "Read the file alone: no encoder is looked for or loaded, nothing is trained, no test is run");
  app.footer(
      "Prints what the file holds, or every mistake with its line, column and mend: all that a server checks\n"
      "before it serves the file in another one's place (SIGHUP, POST /v1/reload). The encoder is loaded, a head is\n"
      "trained unless one is stored for these examples, the file's tests are run, and with policy: risk it says\n"
      "what the error budget allows on the calibration messages, or how many are missing. Nothing is written.\n"
      "Exit status: 0 right, 78 wrong.\n\n"
      "Examples:\n"
      "  bantam check -c examples/helpdesk/bantam.yaml\n"
      "  bantam check -c bantam.yaml && curl -X POST http://127.0.0.1:8080/v1/reload");
  return [options] { return Check(*options); };
}

}  // namespace bantam::cli
