#include "cli/route_exits.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/svg.h"
#include "learn/head_judge.h"
#include "learn/metrics.h"

namespace bantam::cli {
namespace {

constexpr double kWanted[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05};
constexpr size_t kTimedLines = 500;
constexpr int kRepeats = 3;

// One text from its letters to the decision.
Result<double> TimeDecision(const Head& head, Embedder& embedder, const std::string& text,
                            std::optional<double> certainty) {
  const std::vector<bool> any;
  HeadJudge judge(head, certainty, any);
  const MonotonicTime start = MonotonicNow();
  const EmbedCall call = CallForHead();
  BANTAM_TRY(const Embedding embedding,
             certainty ? embedder.EmbedUntil(text, call, judge) : embedder.Embed(text, call));
  if (judge.exit_layer() == 0) (void)head.Predict(embedding.vector);
  return MillisecondsSince(start);
}

// The least of a few tries for each text, the settings taking turns, so that what else the machine does falls on all
// of them alike and mostly on none.
Status TimeAll(const Head& head, Embedder& embedder, std::span<const LabelledText> examples,
               std::span<ExitPoint* const> points, size_t& timed) {
  timed = std::min(kTimedLines, examples.size());
  std::vector<double> sums(points.size());
  for (size_t line = 0; line < timed; ++line) {
    const std::string& text = examples[line * examples.size() / timed].text;
    std::vector<double> best(points.size(), std::numeric_limits<double>::infinity());
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      for (size_t i = 0; i < points.size(); ++i) {
        const double wanted = points[i]->exits.max_disagreement;
        BANTAM_TRY(const double ms,
                   TimeDecision(head, embedder, text, wanted > 0 ? head.exits().CertaintyFor(wanted) : std::nullopt));
        best[i] = std::min(best[i], ms);
      }
    }
    for (size_t i = 0; i < points.size(); ++i) sums[i] += best[i];
  }
  for (size_t i = 0; i < points.size(); ++i)
    points[i]->mean_ms = sums[i] / static_cast<double>(std::max<size_t>(1, timed));
  return Ok();
}

json::object PointJson(const ExitPoint& point) {
  const auto or_null = [](const std::optional<double>& v) { return v ? json::value(*v) : json::value(); };
  const Evaluation& e = point.exits.figures;
  return {{"max_disagreement", point.exits.max_disagreement},
          {"disagreement", point.exits.disagreement},
          {"disagreement_in_scope", point.exits.disagreement_in_scope},
          {"mean_layers", point.exits.mean_layers},
          {"mean_layers_in_scope", point.exits.mean_layers_in_scope},
          {"mean_ms", point.mean_ms},
          {"accuracy", or_null(e.accuracy)},
          {"false_rejection", or_null(e.false_rejection)},
          {"oos_recall", or_null(e.oos_recall)},
          {"oos_auroc", or_null(e.oos_auroc)},
          {"ece_confidence", or_null(e.ece_confidence)}};
}

}  // namespace

Result<DecisionTimes> TimeDecisions(const Head& head, Embedder& embedder, std::span<const LabelledText> examples) {
  constexpr size_t kWarmUp = 20;
  const size_t timed = std::min(kTimedLines, examples.size());
  if (timed == 0) return DecisionTimes{};
  std::vector<double> times;
  for (size_t i = 0; i < kWarmUp + timed; ++i) {
    const size_t line = i < kWarmUp ? i % timed : (i - kWarmUp) * examples.size() / timed;
    BANTAM_TRY(const double ms, TimeDecision(head, embedder, examples[line].text, std::nullopt));
    if (i >= kWarmUp) times.push_back(ms);
  }
  return DecisionTimes{Quantile(times, 0.5), Quantile(times, 0.99)};
}

std::vector<int> ExitLayersOf(const Head& head) {
  std::vector<int> layers;
  for (const ExitHead& exit : head.exits().heads) layers.push_back(exit.layer);
  return layers;
}

Result<std::optional<ExitCurve>> MeasureExitCurve(const Head& head, Embedder& embedder,
                                                  std::span<const LabelledText> examples,
                                                  const EmbeddedExamples& embedded, double max_disagreement,
                                                  bool all_points) {
  if (head.exits().heads.empty() || max_disagreement <= 0) return std::optional<ExitCurve>();
  const auto figures = [&](double wanted) {
    return EvaluateExits(PredictWithExits(head, examples, embedded.vectors, embedded.layers, wanted), wanted,
                         head.metadata().out_of_scope_share);
  };
  ExitCurve curve;
  curve.num_layers = head.exits().num_layers;
  curve.full.exits = figures(0);
  curve.used.emplace().exits = figures(max_disagreement);
  if (all_points) {
    for (const double wanted : kWanted) {
      if (head.exits().CertaintyFor(wanted)) curve.points.push_back({figures(wanted)});
    }
  }
  std::vector<ExitPoint*> timed = {&curve.full, &*curve.used};
  for (ExitPoint& point : curve.points) timed.push_back(&point);
  BANTAM_RETURN_IF_ERROR(TimeAll(head, embedder, examples, timed, curve.timed_lines));
  return std::optional<ExitCurve>(std::move(curve));
}

json::value ToJsonValue(const std::optional<ExitCurve>& curve) {
  if (!curve) return nullptr;
  json::object object = PointJson(*curve->used);
  object["num_layers"] = curve->num_layers;
  object["full_ms"] = curve->full.mean_ms;
  object["full_accuracy"] = PointJson(curve->full).at("accuracy");
  object["full_oos_recall"] = PointJson(curve->full).at("oos_recall");
  object["timed_lines"] = curve->timed_lines;
  if (!curve->points.empty()) {
    json::array points = {PointJson(curve->full)};
    for (const ExitPoint& point : curve->points) points.push_back(PointJson(point));
    object["curve"] = std::move(points);
  }
  return object;
}

std::string Table(const ExitCurve& curve) {
  const auto percent = [](const std::optional<double>& v) { return v ? fmt::format("{:.2f} %", 100 * *v) : "–"; };
  const auto row = [&](std::string_view name, const ExitPoint& p) {
    return fmt::format("  {:<10} {:>9} {:>9.2f} {:>9.2f} {:>9.3f} {:>10} {:>10} {:>10}\n", name,
                       percent(p.exits.disagreement), p.exits.mean_layers, p.exits.mean_layers_in_scope, p.mean_ms,
                       percent(p.exits.figures.accuracy), percent(p.exits.figures.false_rejection),
                       percent(p.exits.figures.oos_recall));
  };
  std::string out = fmt::format(
      "\nearly exit of {} layers; milliseconds of one text alone, {} lines\n"
      "  {:<10} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10} {:>10}\n",
      curve.num_layers, curve.timed_lines, "allowed", "disagree", "layers", "in scope", "ms", "accuracy", "rejected",
      "oos recall");
  out += row("off", curve.full);
  if (curve.points.empty()) {
    out += row(fmt::format("{:g} %", 100 * curve.used->exits.max_disagreement), *curve.used);
  }
  for (const ExitPoint& p : curve.points) out += row(fmt::format("{:g} %", 100 * p.exits.max_disagreement), p);
  return out;
}

std::string Svg(const ExitCurve& curve, std::string_view title) {
  constexpr double kLeft = 76, kTop = 70, kWidth = 460, kHeight = 300;
  std::vector<const ExitPoint*> points = {&curve.full};
  for (const ExitPoint& p : curve.points) points.push_back(&p);
  double low = 1, high = 0;
  for (const ExitPoint* p : points) {
    low = std::min(low, p->exits.figures.accuracy.value_or(0));
    high = std::max(high, p->exits.figures.accuracy.value_or(0));
  }
  low = std::max(0.0, low - 0.01);
  high = std::min(1.0, high + 0.01);
  double longest = 1e-9;
  for (const ExitPoint* p : points) longest = std::max(longest, p->mean_ms);
  const auto x = [&](double ms) { return kLeft + kWidth * ms / (1.08 * longest); };
  const auto y = [&](double accuracy) { return kTop + kHeight * (high - accuracy) / (high - low); };
  SvgPicture picture(570, 440, title);
  picture.Text("title", kLeft, 34, title);
  for (int i = 0; i <= 4; ++i) {
    const double accuracy = low + (high - low) * i / 4, ms = longest * i / 4;
    picture.Line("grid", kLeft, y(accuracy), kLeft + kWidth, y(accuracy));
    picture.Text("tick end", kLeft - 8, y(accuracy) + 4, fmt::format("{:.1f} %", 100 * accuracy));
    picture.Text("tick middle", x(ms), kTop + kHeight + 18, fmt::format("{:.2f}", ms));
  }
  picture.Text("label middle", kLeft + kWidth / 2, kTop + kHeight + 42, "mean milliseconds of a decision");
  picture.TurnedText("label middle", 22, kTop + kHeight / 2, "accuracy of all lines");
  std::vector<SvgPoint> line;
  for (const ExitPoint* p : points) line.push_back({x(p->mean_ms), y(p->exits.figures.accuracy.value_or(0))});
  picture.Polyline("curve", line);
  for (size_t i = 0; i < points.size(); ++i) {
    const double wanted = 100 * points[i]->exits.max_disagreement;
    picture.Dot("bad", line[i].x, line[i].y, 4);
    picture.Text("tick middle", line[i].x, line[i].y - 10, wanted > 0 ? fmt::format("{:g} %", wanted) : "off");
  }
  return picture.Finish();
}

}  // namespace bantam::cli
