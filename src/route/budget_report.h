// What an error budget allows on the calibration data, in words and as JSON: for `bantam check`, `route train`, the
// start of a server, the console.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "route/decision_policy.h"

namespace bantam {

std::string PercentText(double share);  // "2 %", "0.5 %"

// "the calibration data cannot show it; 212 more messages like its 87 would do"; of a certificate without support.
std::string WhyUnsupported(const Certificate& certificate);

// One line for the file's budget and one for each of a route's own, for people; nothing with policy: threshold.
std::vector<std::string> DescribeBudgets(const DecisionPolicy& policy, const RouteFile& file);

// {"max_error", "delta", "threshold", "num_calibration"}; null for none. A threshold of infinity is written as null.
json::value BudgetJson(const std::optional<BudgetInForce>& budget);
// Of the key "budget" of `object`.
Result<BudgetInForce> ReadBudget(const JsonObject& object);
// {"policy": "threshold"}, or {"policy": "risk", "calibration_id", "budget": CERTIFICATE, "routes": {NAME:
// CERTIFICATE}}
json::object PolicyJson(const DecisionPolicy& policy);

}  // namespace bantam
