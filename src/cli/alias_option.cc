#include "cli/alias_option.h"

#include <algorithm>

#include "base/text_util.h"

namespace bantam::cli {

Status AddAliases(const std::vector<std::string>& options, ApiContext& context) {
  for (const std::string& option : options) {
    const size_t equals = option.find('=');
    const std::string alias = option.substr(0, equals);
    const std::string name = equals == std::string::npos ? "" : option.substr(equals + 1);
    const std::string shown = EscapeForTerminal(option, 200);
    if (alias.empty() || name.empty()) {
      return Err(ErrorCode::kInvalidArgument, "--alias {}: write NAME=MODEL, as in gpt-3.5-turbo=smollm2", shown);
    }
    std::string target = context.Resolve(name);
    const std::vector<std::string> loadable = context.models->Loadable();
    if (const ServedModelPtr model = context.FindModel(name)) {
      target = model->name;
    } else if (!context.IsRouter(name) && std::ranges::find(loadable, target) == loadable.end()) {
      return Err(ErrorCode::kInvalidArgument, "--alias {}: no such model is served; served: {}", shown,
                 context.ModelNames());
    }
    if (context.FindModel(alias) != nullptr || context.IsRouter(alias)) {
      return Err(ErrorCode::kInvalidArgument, "--alias {}: \"{}\" names something here already", shown,
                 EscapeForTerminal(alias, 100));
    }
    BANTAM_RETURN_IF_ERROR(context.aliases.Add(alias, target));
  }
  return Ok();
}

}  // namespace bantam::cli
