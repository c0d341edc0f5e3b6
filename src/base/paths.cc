#include "base/paths.h"

#include <algorithm>
#include <cstdlib>

#include "base/text_util.h"

namespace bantam {

Result<Path> BantamHome() {
  const auto variable = [](const char* name) -> std::string_view {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view() : std::string_view(value);
  };
  if (!variable("BANTAM_HOME").empty()) return Path(variable("BANTAM_HOME"));
  if (!variable("XDG_DATA_HOME").empty()) return Path(variable("XDG_DATA_HOME")) / "bantam";
  if (!variable("HOME").empty()) return Path(variable("HOME")) / ".local/share/bantam";
  return Err(ErrorCode::kNotFound, "no place for models and state: set BANTAM_HOME to a folder");
}

Result<Path> ModelsFolder() {
  BANTAM_TRY(Path home, BantamHome());
  return home / "models";
}

Status CheckPlainName(std::string_view what, std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (!name.empty() && name.size() <= 64 && name[0] != '.' && std::all_of(name.begin(), name.end(), plain)) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "{} \"{}\": use 1 to 64 letters, digits, '.', '_' or '-', not starting with '.'", what,
             EscapeForTerminal(name));
}

Result<Path> StateFolder(std::string_view assistant) {
  BANTAM_RETURN_IF_ERROR(CheckPlainName("the assistant's name", assistant));
  BANTAM_TRY(Path home, BantamHome());
  return home / "state" / assistant;
}

}  // namespace bantam
