#include "route/budget_report.h"

#include <cmath>
#include <limits>

namespace bantam {
namespace {

std::string Messages(int count) { return fmt::format("{} message{}", count, count == 1 ? "" : "s"); }

std::string Describe(std::string_view who, const CertifiedBudget& certified) {
  const auto& [budget, c] = certified;
  std::string out = fmt::format("{}: at most {} wrong, {} certain: ", who, PercentText(budget.max_error),
                                PercentText(1 - budget.delta));
  if (!c.supported) return out + "NOT SHOWN, nothing is answered here; " + WhyUnsupported(c);
  return out + fmt::format("from confidence {:.3f} on; of {} {} reach it, {} wrong, at most {} in the long run",
                           c.threshold, Messages(c.num_points), c.num_answered, c.num_errors,
                           PercentText(std::round(1e4 * c.upper_bound) / 1e4));
}

json::object CertificateJson(const CertifiedBudget& certified) {
  const auto& [budget, c] = certified;
  json::object object{
      {"max_error", budget.max_error},   {"delta", budget.delta},
      {"supported", c.supported},        {"threshold", c.threshold},
      {"num_calibration", c.num_points}, {"num_answered", c.num_answered},
      {"num_errors", c.num_errors},      {"upper_bound", c.supported ? json::value(c.upper_bound) : json::value()}};
  if (!c.supported) object["missing"] = c.missing == Certificate::kNoNumber ? json::value() : json::value(c.missing);
  return object;
}

}  // namespace

std::string PercentText(double share) { return fmt::format("{:g} %", 100 * share); }

std::string WhyUnsupported(const Certificate& c) {
  if (c.missing == Certificate::kNoNumber) {
    return fmt::format(
        "of {} calibration messages too many are answered wrongly, and more of the same would not help: "
        "better examples would, or a larger \"max_error\"",
        c.num_points);
  }
  return fmt::format("{} calibration messages are too few; {} more like them would do", c.num_points, c.missing);
}

std::vector<std::string> DescribeBudgets(const DecisionPolicy& policy, const RouteFile& file) {
  std::vector<std::string> lines;
  if (!policy.by_budget()) return lines;
  const std::string_view from = file.calibration.empty() && file.audited.empty() ? "folds of the examples"
                                : file.audited.empty()                           ? "the calibration file"
                                : file.calibration.empty()                       ? "audited messages"
                                                           : "the calibration file and audited messages";
  lines.push_back(Describe(fmt::format("error budget, on {}", from), *policy.common().certified));
  for (const auto& [route, bar] : policy.own())
    lines.push_back(Describe(fmt::format("route {}", route), *bar.certified));
  return lines;
}

json::value BudgetJson(const std::optional<BudgetInForce>& budget) {
  if (!budget) return nullptr;
  return json::object{{"max_error", budget->max_error},
                      {"delta", budget->delta},
                      {"threshold", budget->threshold},
                      {"num_calibration", budget->num_calibration}};
}

Result<BudgetInForce> ReadBudget(const JsonObject& object) {
  BANTAM_TRY(const JsonObject budget, object.Object("budget"));
  BudgetInForce read;
  BANTAM_TRY(read.max_error, budget.Number("max_error", 0, 1));
  BANTAM_TRY(read.delta, budget.Number("delta", 0, 1));
  BANTAM_TRY(read.threshold, budget.NumberOr("threshold", std::numeric_limits<double>::infinity(), 0, 1));
  BANTAM_TRY(const int64_t points, budget.Int("num_calibration", 0, INT32_MAX));
  read.num_calibration = static_cast<int>(points);
  return read;
}

json::object PolicyJson(const DecisionPolicy& policy) {
  if (!policy.by_budget()) return {{"policy", "threshold"}};
  json::object routes;
  for (const auto& [route, bar] : policy.own()) routes[route] = CertificateJson(*bar.certified);
  return {{"policy", "risk"},
          {"calibration_id", policy.calibration_id()},
          {"budget", CertificateJson(*policy.common().certified)},
          {"routes", std::move(routes)}};
}

}  // namespace bantam
