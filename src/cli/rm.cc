// bantam rm: models leave the store.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "store/remove_model.h"

namespace bantam::cli {
namespace {

struct Options {
  std::vector<std::string> models;
  bool yes = false, force = false, json = false;
};

std::string Describe(const Removal& removal) {
  std::string text = fmt::format("{} ({}", removal.name, HumanBytes(removal.size_bytes));
  if (removal.partial) text += " of an unfinished pull";
  if (removal.freed_bytes < removal.size_bytes) {
    text += fmt::format(", of which other models share {}", HumanBytes(removal.size_bytes - removal.freed_bytes));
  }
  return text + ")";
}

// Models are large and may be slow to fetch again: a person is asked, a script says --yes.
Status Confirm(const std::vector<Removal>& removals) {
  std::string list;
  for (const Removal& removal : removals) list += (list.empty() ? "" : ", ") + Describe(removal);
  if (::isatty(STDIN_FILENO) != 1) {
    return Err(ErrorCode::kInvalidArgument, "this would remove {}: say --yes to do so without a question", list);
  }
  std::fprintf(stderr, "Remove %s? [y/N] ", list.c_str());
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return Ok();
  return Err(ErrorCode::kCancelled, "nothing was removed");
}

Status RunRm(const Options& options) {
  std::vector<Removal> removals;
  // All of them or none, as far as that can be told before.
  for (const std::string& model : options.models) {
    BANTAM_TRY(Removal removal, PlanRemoval(model));
    const bool again = std::ranges::any_of(removals, [&](const Removal& other) { return other.path == removal.path; });
    if (!again) removals.push_back(std::move(removal));
  }
  if (!options.yes) BANTAM_RETURN_IF_ERROR(Confirm(removals));
  json::array removed;
  for (const Removal& planned : removals) {
    BANTAM_TRY(const Removal removal, RemoveModel(planned.name, options.force));
    if (options.json) {
      removed.push_back(json::object{
          {"name", removal.name}, {"size_bytes", removal.size_bytes}, {"freed_bytes", removal.freed_bytes}});
    } else {
      BANTAM_RETURN_IF_ERROR(Print(fmt::format("removed {}\n", Describe(removal))));
    }
  }
  return options.json ? Print(ToJson(json::object{{"removed", std::move(removed)}}) + "\n") : Ok();
}

}  // namespace

Run SetUpRm(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->models, "Names from 'bantam list', or what 'bantam pull' was told")->required();
  app.add_flag("-y,--yes", options->yes, "Without a question, as scripts need it");
  app.add_flag("--force", options->force, "Also while a process has the model loaded; that process goes on");
  app.add_flag("--json", options->json, "One JSON object: what was removed, and the bytes that were freed");
  app.footer(
      "A model that a running bantam has loaded stays, unless --force is given. Files that copies share stay with "
      "them.\nThe name of an unfinished pull removes what has come of it.\n\n"
      "Examples:\n"
      "  bantam rm SmolLM2-360M-Instruct-Q8_0\n"
      "  bantam rm --yes smollm2-135m my-copy");
  return [options] { return RunRm(*options); };
}

}  // namespace bantam::cli
