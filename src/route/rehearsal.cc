#include "route/rehearsal.h"

#include <cmath>

#include "base/text_util.h"
#include "route/route_tests.h"

namespace bantam {
namespace {

constexpr size_t kMostShown = 20;

Status DecideOnce(Router& router) {
  const RouteFile& file = router.file();
  for (const Route& route : file.routes) {
    if (route.utterances.empty()) continue;
    BANTAM_TRY(const Explanation explanation, router.Explain(route.utterances.front()));
    if (std::isfinite(explanation.understanding.confidence)) return Ok();
    return AtEncoder(file, Err(ErrorCode::kCorrupt, "{} gives \"{}\" a confidence that is no number",
                               file.encoder_model, EscapeForTerminal(route.utterances.front(), 60)));
  }
  return Ok();
}

}  // namespace

Status Rehearse(Router& router, const std::function<void(std::string_view stage, double fraction)>& progress) {
  const RouteFile& file = router.file();
  if (file.tests.empty()) return DecideOnce(router);
  const auto total = static_cast<double>(file.tests.size());
  BANTAM_TRY(const TestReport report, RunRouteTests(router, [&](size_t done) {
               if (progress) progress("running the tests", static_cast<double>(done) / total);
             }));
  const size_t failed = report.failed();
  if (failed == 0) return Ok();
  std::string lines;
  size_t shown = 0;
  for (const TestResult& test : report.tests) {
    if (test.passed() || ++shown > kMostShown) continue;
    const TurnResult& turn = test.turns.back();
    std::string mismatches;
    for (const std::string& mismatch : turn.mismatches) mismatches += (mismatches.empty() ? "" : "; ") + mismatch;
    lines += fmt::format("{}{}:{}:{}: the test \"{}\": {}", lines.empty() ? "" : "\n", file.path.string(),
                         turn.turn->line, turn.turn->column, EscapeForTerminal(turn.turn->say, 60), mismatches);
  }
  if (failed > kMostShown) lines += fmt::format("\n{}: {} more tests failed", file.path.string(), failed - kMostShown);
  return Err(ErrorCode::kBadConfig, "{}", lines);
}

}  // namespace bantam
