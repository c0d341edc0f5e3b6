// Other names of served models: for clients whose model name is fixed ("gpt-3.5-turbo"), and for copies that were made
// while the server runs.
#pragma once

#include <map>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bantam {

// "smollm2:latest" -> "smollm2": what Ollama's clients put behind a name that has no tag.
std::string_view WithoutLatest(std::string_view name);
// "smollm2" -> "smollm2:latest": what they look for in a list.
std::string WithTag(std::string_view name);

// Any thread.
class ModelAliases {
 public:
  // kConflict for a name that is one already.
  Status Add(std::string_view alias, std::string_view model);
  bool Remove(std::string_view alias);  // false: it is none
  // "" for what is no alias.
  std::string TargetOf(std::string_view name) const;
  std::vector<std::pair<std::string, std::string>> All() const;  // alias and model, by alias

 private:
  mutable std::shared_mutex mutex_;
  std::map<std::string, std::string, std::less<>> targets_;
};

}  // namespace bantam
