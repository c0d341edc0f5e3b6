#include "route/decision_policy.h"

#include <cmath>

namespace bantam {
namespace {

Bar BudgetBar(const ErrorBudget& budget, std::span<const CalibrationPoint> points) {
  const Certificate certificate = Certify(points, budget);
  return {.threshold = certificate.supported ? certificate.threshold : std::numeric_limits<double>::infinity(),
          .from = Bar::From::kBudget,
          .certified = CertifiedBudget{budget, certificate}};
}

}  // namespace

std::string_view BarFromName(Bar::From from) {
  switch (from) {
    case Bar::From::kRoute:
      return "route";
    case Bar::From::kRouteFile:
      return "route file";
    case Bar::From::kHead:
      return "head";
    case Bar::From::kBudget:
      return "error budget";
  }
  return "head";
}

std::optional<BudgetInForce> BudgetOf(const Bar& bar) {
  if (!bar.certified) return std::nullopt;
  const auto& [budget, certificate] = *bar.certified;
  return BudgetInForce{budget.max_error, budget.delta, bar.threshold, certificate.num_points};
}

DecisionPolicy::DecisionPolicy(const RouteFile& file, double head_threshold, const Calibration& calibration,
                               int caution)
    : caution_(caution) {
  if (!calibration.points.empty()) calibration_id_ = CalibrationId(calibration.points);
  if (!file.budget) {
    common_ = {.threshold = file.confidence_threshold.value_or(head_threshold),
               .from = file.confidence_threshold ? Bar::From::kRouteFile : Bar::From::kHead,
               .certified = {}};
    for (const Route& route : file.routes) {
      if (route.confidence_threshold) own_[route.name] = {*route.confidence_threshold, Bar::From::kRoute, {}};
    }
    return;
  }
  std::map<std::string_view, std::vector<CalibrationPoint>> of_route;
  for (const Route& route : file.routes) {
    if (route.max_error) of_route[route.name];
  }
  std::vector<CalibrationPoint> of_others;
  for (const CalibrationPoint& point : calibration.points) {
    const bool known = point.label >= 0 && static_cast<size_t>(point.label) < calibration.labels.size();
    const auto own = known ? of_route.find(calibration.labels[static_cast<size_t>(point.label)]) : of_route.end();
    (own == of_route.end() ? of_others : own->second).push_back(point);
  }
  const auto held_to = [&](double max_error) {
    return ErrorBudget{std::ldexp(max_error, -caution), DeltaOfLook(file.budget->delta, file.look)};
  };
  common_ = BudgetBar(held_to(file.budget->max_error), of_others);
  for (const Route& route : file.routes) {
    if (route.max_error) own_[route.name] = BudgetBar(held_to(*route.max_error), of_route[route.name]);
  }
  // A promise of its own, about everything below the parent: independent of what its children are certified for.
  for (const Route& route : file.routes) {
    if (route.parent.empty() || parents_.contains(route.parent)) continue;
    const Route* parent = file.FindRoute(route.parent);
    const auto points = calibration.of_parents.find(route.parent);
    const std::span<const CalibrationPoint> none;
    parents_[route.parent] = BudgetBar(held_to(parent->max_error.value_or(file.budget->max_error)),
                                       points == calibration.of_parents.end() ? none : points->second);
  }
}

const Bar& DecisionPolicy::BarOfParent(std::string_view route) const {
  const auto found = parents_.find(route);
  return found == parents_.end() ? BarOf(route) : found->second;
}

const Bar& DecisionPolicy::BarOf(std::string_view route) const {
  const auto own = own_.find(route);
  return own == own_.end() ? common_ : own->second;
}

}  // namespace bantam
