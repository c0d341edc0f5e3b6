// Runs the `tests:` of a route file against a router.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "route/router.h"

namespace bantam {

struct TurnResult {
  const TestTurn* turn = nullptr;
  AssistantAnswer answer;
  std::string likeliest;                // the route that the head thought of, chosen or not
  std::vector<std::string> mismatches;  // `route: expected "hours", got "status"`
};

struct TestResult {
  const RouteTest* test = nullptr;
  std::vector<TurnResult> turns;  // up to the first that failed: what follows it means nothing
  double seconds = 0;
  bool passed() const { return turns.empty() || turns.back().mismatches.empty(); }
};

struct TestReport {
  std::vector<TestResult> tests;
  double seconds = 0;
  size_t failed() const;
};

// Where and how a test failed, for programs: "line", "say", "turn", "mismatches", what was decided instead and what was
// nearest.
json::object FailureJson(const TestResult& failed);

// The router should be made with {.persistent = false, .offline = true}. A test without a conversation is a
// conversation of one turn; each has a session of its own. An error is one of the machine, not of a test.
// progress(done) may be empty.
//
// `decision: unsure` is met as well by a question that was handed to the fallback model because no route was sure, so
// that the same tests hold with and without a large model.
Result<TestReport> RunRouteTests(Router& router, const std::function<void(size_t done)>& progress);

}  // namespace bantam
