// bantam route curve: accuracy against cost over the thresholds, from an audit log.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "cli/log_replay.h"
#include "cli/output.h"
#include "cli/route_commands.h"
#include "cli/terminal.h"
#include "route/cost_curve.h"
#include "route/cost_curve_plot.h"

namespace bantam::cli {
namespace {

// The points that a table needs: each goes on by so much of the messages, or of the errors.
constexpr double kStepOfTable = 0.04;

std::string Percent(double share, int digits = 1) { return fmt::format("{:.{}f} %", 100 * share, digits); }

std::vector<std::string> Row(const CurvePoint& point, bool in_force) {
  return {fmt::format("{}{}", in_force ? "> " : "  ",
                      std::isfinite(point.threshold) ? fmt::format("{:.3f}", point.threshold) : "none"),
          Percent(point.escalated),
          point.cost_per_1000 ? fmt::format("{:.4g}", *point.cost_per_1000) : "?",
          point.cost_per_1000 ? fmt::format("{:.4g} to {:.4g}", *point.cost_per_1000_low, *point.cost_per_1000_high)
                              : fmt::format("{} to {}", Percent(point.escalated_low), Percent(point.escalated_high)),
          Percent(point.accuracy, 2),
          fmt::format("{} to {}", Percent(point.accuracy_low, 2), Percent(point.accuracy_high, 2)),
          Percent(point.wrong_of_answered, 2)};
}

std::string Table(const CostCurve& curve) {
  std::vector<const CurvePoint*> points = {&*curve.current};
  for (const CurvePoint& point : curve.points) {
    if (point.threshold != curve.current->threshold) points.push_back(&point);
  }
  std::ranges::stable_sort(points, {}, &CurvePoint::threshold);
  std::vector<std::vector<std::string>> rows = {
      {"  threshold", "large model", "cost of 1,000", "95 % certain", "right", "95 % certain", "wrong of answered"}};
  const CurvePoint* last = nullptr;
  for (const CurvePoint* point : points) {
    const bool in_force = point == &*curve.current;
    if (!in_force && last != nullptr && point != points.back() &&
        std::abs(point->escalated - last->escalated) < kStepOfTable &&
        std::abs(point->accuracy - last->accuracy) < kStepOfTable)
      continue;
    rows.push_back(Row(*point, in_force));
    last = point;
  }
  return AlignColumns(rows, {0, 1, 2, 3, 4, 5, 6});
}

std::string Text(const CostCurve& curve) {
  std::string out =
      fmt::format("{} messages decided again; {} of them were drawn at random and their right route is known\n",
                  curve.messages, curve.labelled);
  if (curve.not_drawn > 0)
    out +=
        fmt::format("  {} more whose right route is known are left out: they are no sample of all\n", curve.not_drawn);
  out += LeftOutText(curve.left_out);
  if (!curve.mean_cost) out += "  what a large model costs is not known: no message of the log has a price\n";
  const Colours colours(STDOUT_FILENO);
  out += "\n" + Table(curve) + "\n";
  out += colours.Dim(
      "> is in force. Right: no wrong answer was given here, as the teacher or a person says;\n"
      "what a large model answers counts as right.\n");
  return out;
}

Status Draw(const LogReplayOptions& options) {
  BANTAM_TRY(const Path log, LogFile(options.source));
  TextOpener opener(options.source);
  CostCurve curve;
  {
    ProgressBar bar("curve");
    BANTAM_TRY(const LogRouter made, RouterForLog(options, bar));
    BANTAM_TRY(curve, DrawCostCurve(*made.router, log,
                                    {.limit = options.limit,
                                     .open = [&](AuditRecord& record) { return opener.Open(record); },
                                     .progress = [&](double done) { bar.Update("deciding again", done); }}));
  }
  if (!options.svg.empty() && curve.why_empty.empty())
    BANTAM_RETURN_IF_ERROR(WriteFileAtomic(options.svg, CostCurvePlot(curve, "Accuracy against cost")));
  if (options.json) {
    BANTAM_RETURN_IF_ERROR(Print(ToJson(CurveJson(curve)) + "\n"));
  } else if (curve.why_empty.empty()) {
    BANTAM_RETURN_IF_ERROR(Print(Text(curve)));
  }
  if (curve.why_empty.empty()) return Ok();
  std::string left_out = LeftOutText(curve.left_out);
  if (!left_out.empty()) left_out = "\n" + left_out.substr(0, left_out.size() - 1);
  return Err(ErrorCode::kUnavailable, "there is nothing to draw: {}{}", curve.why_empty, left_out);
}

}  // namespace

Run SetUpRouteCurve(CLI::App& app) {
  auto options = std::make_shared<LogReplayOptions>();
  AddLogReplayOptions(app, *options);
  app.footer(
      "Nothing is answered, called or stored. The log has to hold texts (audit: {content: text}), and messages that\n"
      "were drawn at random for the audit (learning: {explore_rate: 0.01}). Exit status 69: nothing to draw yet.\n\n"
      "Examples:\n"
      "  bantam route curve -c bantam.yaml                     what would another threshold cost, and get wrong?\n"
      "  bantam route curve -c bantam.yaml --svg curve.svg\n"
      "  bantam route curve audit.jsonl -c new.yaml --json     by another route file and its head");
  return [options] { return Draw(*options); };
}

}  // namespace bantam::cli
