#include "cli/assistant_option.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/paths.h"
#include "base/text_util.h"
#include "route/route_file.h"

namespace bantam::cli {
namespace {

Result<std::vector<std::string>> Assistants() {
  BANTAM_TRY(const Path home, BantamHome());
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(home / "state", ignored)) {
    if (entry.is_directory(ignored)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

void AddAssistantOption(CLI::App& app, AssistantOption& option) {
  auto* config = app.add_option("-c,--config", option.config, "Route file of the assistant")->type_name("FILE");
  app.add_option("--assistant", option.assistant, "Its name, in place of the file")
      ->type_name("NAME")
      ->excludes(config);
}

Result<Path> FindStateFolder(const AssistantOption& option) {
  std::string name = option.assistant;
  if (!option.config.empty()) {
    BANTAM_TRY(const RouteFile file, LoadRouteFile(option.config));
    name = file.name;
  }
  BANTAM_TRY(const std::vector<std::string> known, Assistants());
  if (name.empty()) {
    if (known.size() == 1) return StateFolder(known[0]);
    if (known.empty())
      return Err(ErrorCode::kNotFound, "no assistant has been served here yet: start one with `bantam serve -c FILE`");
    std::string list;
    for (const std::string& one : known) (list += list.empty() ? "" : ", ") += EscapeForTerminal(one);
    return Err(ErrorCode::kInvalidArgument, "which assistant? Name it with -c FILE or --assistant NAME; there are: {}",
               list);
  }
  BANTAM_TRY(const Path folder, StateFolder(name));
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    return Err(ErrorCode::kNotFound,
               "the assistant \"{}\" has no state in {}: it has not been served yet, or BANTAM_HOME is another",
               EscapeForTerminal(name), EscapeForTerminal(folder.parent_path().string(), 400));
  }
  return folder;
}

}  // namespace bantam::cli
