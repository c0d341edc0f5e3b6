// What replies say of a decision, wherever they do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "route/types.h"

namespace bantam {

// "answer", "clarify" or "escalate": an action of ours, a question back, or somebody else's answer.
std::string_view OutcomeName(DecisionKind kind);
json::array NearestJson(const std::vector<NearestExample>& examples);
json::value CalibrationIdJson(const std::string& id);  // null for none

}  // namespace bantam
