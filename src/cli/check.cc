// bantam check: is a route file right?
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <map>

#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/route_data.h"
#include "cli/terminal.h"
#include "files/model_folder.h"
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

// A budget can only be judged with the head, which is trained when there is none for these examples.
using Budgets = std::unique_ptr<Router>;

std::string Table(const RouteFile& file, const Budgets& budgets, const Colours& colours) {
  const std::string path = EscapeForTerminal(file.path.string(), 400);
  std::string out =
      fmt::format("{} {}: {}, {}, {} out of scope, {}, {}\n\n", colours.Green("OK"), path,
                  Plural(file.routes.size(), "route"), Plural(NumExamples(file), "example"), file.out_of_scope.size(),
                  Plural(file.forms.size(), "form"), Plural(file.tests.size(), "test"));
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
  if (budgets != nullptr) {
    for (const std::string& line : DescribeBudgets(budgets->policy(), file)) out += fmt::format("  {}\n", line);
  }
  out += fmt::format("  below it: {}{}\n", file.clarify ? "asks back where a few routes are left, else " : "",
                     file.fallback_upstream.empty() ? "says that it is not sure" : "asks " + file.fallback_upstream);
  for (const UpstreamConfig& upstream : file.upstreams) {
    const auto off = file.disabled_upstreams.find(upstream.name);
    out += fmt::format(
        "  model {}: {} at {}{}\n", upstream.name, EscapeForTerminal(upstream.model, 60),
        EscapeForTerminal(upstream.api_base, 100),
        off == file.disabled_upstreams.end() ? std::string() : colours.Yellow(" (switched off: " + off->second + ")"));
  }
  out +=
      fmt::format("  cache {}, sessions {}, audit log with {}\n",
                  file.cache_enabled ? fmt::format("{} for {}{}", file.cache.max_entries, DurationText(file.cache.ttl),
                                                   file.semantic_cache ? " (also by other words)" : "")
                                     : "off",
                  DurationText(file.session_ttl), file.audit_texts ? "texts" : "hashes only");
  return out;
}

std::string Json(const RouteFile& file, const Budgets& budgets) {
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
                      {"routes", std::move(routes)},
                      {"warnings", std::move(warnings)}};
  if (budgets != nullptr) object["decision"] = PolicyJson(budgets->policy());
  return ToJson(object) + "\n";
}

struct Options {
  std::string config;
  bool json = false;
  bool no_model = false;
};

// The file, and that its encoder is on this machine: what serving it needs.
Result<RouteFile> Load(const Options& options) {
  BANTAM_TRY(RouteFile file, LoadRouteFile(options.config));
  if (!options.no_model) {
    if (const auto model = OpenModel(file.encoder_model); !model) return AtEncoder(file, model.error());
  }
  return file;
}

Result<Budgets> Certified(const RouteFile& file, const Options& options) {
  if (!file.budget || options.no_model) return Budgets();
  ProgressBar bar("checking the error budget");
  RouteFile quiet = file;
  quiet.warnings.clear();  // they are told here
  return Router::Create(std::move(quiet),
                        {.persistent = false,
                         .offline = true,
                         .progress = [&](std::string_view stage, double fraction) { bar.Update(stage, fraction); }});
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

Status Check(const Options& options) {
  const Result<RouteFile> file = Load(options);
  if (!file) {
    if (options.json) {
      json::array errors;
      std::string_view rest = file.error().message;
      while (!rest.empty()) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        errors.emplace_back(Problem(rest.substr(0, end), options.config));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      BANTAM_RETURN_IF_ERROR(Print(ToJson(json::object{{"ok", false}, {"errors", std::move(errors)}}) + "\n"));
      return Err(ErrorCode::kBadConfig, "{} is not right", EscapeForTerminal(options.config, 400));
    }
    return file.error();
  }
  BANTAM_TRY(const Budgets budgets, Certified(*file, options));
  if (options.json) return Print(Json(*file, budgets));
  const Colours colours(STDOUT_FILENO);
  std::string out = Table(*file, budgets, colours);
  if (!file->warnings.empty()) out += "\n";
  for (const std::string& warning : file->warnings) out += colours.Yellow("warning: ") + warning + "\n";
  return Print(out);
}

}  // namespace

Run SetUpCheck(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-c,--config", options->config, "The route file")->required()->type_name("FILE");
  app.add_flag("--json", options->json, "Print one JSON object");
  app.add_flag("--no-model", options->no_model,
               "Do not look whether the encoder is on this machine, nor what an error budget allows");
  app.footer(
      "Prints what the file holds, or every mistake with its line, column and mend. With policy: risk also what the "
      "error\n"
      "budget allows on the calibration messages, or how many are missing; a head is trained for it when there is "
      "none.\n"
      "Exit status: 0 right, 78 wrong.\n\n"
      "Examples:\n"
      "  bantam check -c examples/helpdesk/bantam.yaml");
  return [options] { return Check(*options); };
}

}  // namespace bantam::cli
