// Why a text is decided as it is, in numbers and in sentences; nothing is done.
#pragma once

#include <string>
#include <vector>

#include "route/decision_policy.h"
#include "route/intent_model.h"
#include "route/route_file.h"
#include "route/types.h"

namespace bantam {

struct Judgement;  // route/decision.h

// One of several requests in a message.
struct ExplainedRequest {
  std::string text, route, action;
  DecisionKind decision = DecisionKind::kUnsure;
  float confidence = 0;
};

struct Explanation {
  Understanding understanding;  // with the confidence of the route that would be taken, where that is a parent
  std::string route;            // chosen; empty: none
  double threshold = 0;         // infinity: no confidence would do
  std::string threshold_from;   // "route", "route file", "head", "error budget"
  DecisionKind decision = DecisionKind::kUnsure;
  std::string action;                // "respond utter_hours"; without a route: "ask big", "utter_unsure", "ask back"
  std::vector<std::string> options;  // of the question back
  // Of a message with several: what is said above is then of the one that decides what becomes of the message, and the
  // confidence is the least of them. Empty: it is one.
  std::vector<ExplainedRequest> requests;
  std::optional<BudgetInForce> budget;  // none with policy: threshold
  std::string calibration_id;
  std::vector<std::string> reasons;  // sentences, without a full stop
};

Explanation Explain(const RouteFile& file, const DecisionPolicy& policy, Judgement judgement);
// Of one request.
Explanation Explain(const RouteFile& file, const DecisionPolicy& policy, Understanding understanding);

}  // namespace bantam
