// The route file that `bantam route init` begins with: one route for each topic, to be filled with real sentences.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "route/import/route_file_draft.h"

namespace bantam {

struct StarterAnswers {
  std::string name;                 // of the assistant
  std::vector<std::string> topics;  // that people ask about, in a few words each: two at least
  std::string model;                // who gets the rest: "none", "openai", or "URL MODEL"
};

// kInvalidArgument says which answer does not do.
Result<RouteFileDraft> StarterRouteFile(const StarterAnswers& answers);

// "refunds, opening hours" -> {"refunds", "opening hours"}
std::vector<std::string> SplitTopics(std::string_view text);

}  // namespace bantam
