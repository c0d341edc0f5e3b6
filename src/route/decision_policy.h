// When a route is sure enough to be taken: at a threshold, or where an error budget is certified to hold.
//
//   const DecisionPolicy policy(file, head.metadata().threshold, calibration);
//   if (understanding.confidence >= policy.BarOf(understanding.route).threshold) ...
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "learn/error_budget.h"
#include "route/route_file.h"
#include "route/types.h"

namespace bantam {

// What a head says about messages that it has not seen, and whether it is right: what error budgets are certified on.
struct Calibration {
  std::vector<CalibrationPoint> points;
  std::vector<std::string> labels;  // of the head: what CalibrationPoint::label counts
  // By parent: the messages whose likeliest route is below it, with its confidence, right when their own route is below
  // it too. Only where messages were held out: folds do not tell.
  std::map<std::string, std::vector<CalibrationPoint>, std::less<>> of_parents = {};
};

struct CertifiedBudget {
  ErrorBudget budget;
  Certificate certificate;
};

struct Bar {
  enum class From { kRoute, kRouteFile, kHead, kBudget };
  double threshold = 0;  // a route is taken from this confidence on; infinity: never
  From from = From::kHead;
  std::optional<CertifiedBudget> certified;  // with policy: risk
};
std::string_view BarFromName(Bar::From from);  // "route", "route file", "head", "error budget"

// What an answer says of the budget that it was held to; nothing with policy: threshold.
std::optional<BudgetInForce> BudgetOf(const Bar& bar);

// Immutable. Each budget is a promise of its own: the file's is certified on the messages of all routes that have none
// of their own, a route's on those that the head would give to that route.
class DecisionPolicy {
 public:
  // `caution`: how often each budget is halved, where messages are no longer like those of the calibration.
  DecisionPolicy(const RouteFile& file, double head_threshold, const Calibration& calibration, int caution = 0);

  const Bar& BarOf(std::string_view route) const;
  // Of a parent that would stand in for a route below it.
  const Bar& BarOfParent(std::string_view route) const;
  const Bar& common() const { return common_; }                                // of routes without one of their own
  const std::map<std::string, Bar, std::less<>>& own() const { return own_; }  // by route
  const std::string& calibration_id() const { return calibration_id_; }        // empty: no calibration is known
  bool by_budget() const { return common_.certified.has_value(); }
  int caution() const { return caution_; }

 private:
  Bar common_;
  std::map<std::string, Bar, std::less<>> own_, parents_;
  std::string calibration_id_;
  int caution_ = 0;
};

}  // namespace bantam
