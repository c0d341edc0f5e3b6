#include "api/model_aliases.h"

#include <mutex>

#include "base/text_util.h"

namespace bantam {

std::string_view WithoutLatest(std::string_view name) {
  constexpr std::string_view kLatest = ":latest";
  if (name.ends_with(kLatest)) name.remove_suffix(kLatest.size());
  return name;
}

std::string WithTag(std::string_view name) {
  return name.find(':') == std::string_view::npos ? std::string(name) + ":latest" : std::string(name);
}

Status ModelAliases::Add(std::string_view alias, std::string_view model) {
  const std::string name(WithoutLatest(alias));
  std::unique_lock lock(mutex_);
  const auto [at, added] = targets_.emplace(name, model);
  if (added) return Ok();
  return Err(ErrorCode::kConflict, "\"{}\" is another name of {} already", EscapeForTerminal(name), at->second);
}

bool ModelAliases::Remove(std::string_view alias) {
  std::unique_lock lock(mutex_);
  const auto found = targets_.find(WithoutLatest(alias));
  if (found == targets_.end()) return false;
  targets_.erase(found);
  return true;
}

std::string ModelAliases::TargetOf(std::string_view name) const {
  std::shared_lock lock(mutex_);
  const auto found = targets_.find(WithoutLatest(name));
  return found == targets_.end() ? std::string() : found->second;
}

std::vector<std::pair<std::string, std::string>> ModelAliases::All() const {
  std::shared_lock lock(mutex_);
  return {targets_.begin(), targets_.end()};
}

}  // namespace bantam
