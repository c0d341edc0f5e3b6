#include "route/cost_curve_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/svg.h"

namespace bantam {
namespace {

constexpr SvgPanel kPanel{84, 96, 660, 360};
constexpr double kWidth = 790, kHeight = 566;

// The least accuracy of the picture: a round one below the band.
double Floor(const CostCurve& curve) {
  double least = 1;
  for (const CurvePoint& point : curve.points) least = std::min(least, point.accuracy_low);
  return std::max(0.0, std::floor(least * 20 - 0.2) / 20);
}

std::string ThresholdText(double threshold) {
  return std::isfinite(threshold) ? fmt::format("threshold {:.3g}", threshold) : std::string("no threshold will do");
}

std::string Hint(const CurvePoint& point) {
  return fmt::format("{}: {:.1f} % to a large model, {:.2f} % right ({:.2f} to {:.2f}){}",
                     ThresholdText(point.threshold), 100 * point.escalated, 100 * point.accuracy,
                     100 * point.accuracy_low, 100 * point.accuracy_high,
                     point.cost_per_1000 ? fmt::format(", {:.4g} per 1,000", *point.cost_per_1000) : std::string());
}

void Axes(SvgPicture& picture, const CostCurve& curve, double floor) {
  for (int i = 0; i <= 5; ++i) {
    const double f = i / 5.0;
    picture.Line("grid", kPanel.X(0), kPanel.Y(f), kPanel.X(1), kPanel.Y(f));
    picture.Text("tick end", kPanel.left - 8, kPanel.Y(f) + 4,
                 fmt::format("{:.1f} %", 100 * (floor + f * (1 - floor))));
    picture.Text("tick middle", kPanel.X(f), kPanel.Y(0) + 18, fmt::format("{:.0f} %", 100 * f));
    if (curve.mean_cost)
      picture.Text("tick middle", kPanel.X(f), kPanel.Y(0) + 36, fmt::format("{:.3g}", 1000 * *curve.mean_cost * f));
  }
  picture.Line("axis", kPanel.X(0), kPanel.Y(0), kPanel.X(1), kPanel.Y(0));
  picture.Text("label middle", kPanel.X(0.5), kPanel.Y(0) + 60,
               curve.mean_cost ? "messages that go to a large model, and what 1,000 messages cost"
                               : "messages that go to a large model");
  picture.TurnedText("label middle", 26, kPanel.Y(0.5), "messages without a wrong answer");
}

}  // namespace

std::string CostCurvePlot(const CostCurve& curve, std::string_view title) {
  const double floor = Floor(curve);
  const auto at = [&](double escalated, double accuracy) {
    return SvgPoint{kPanel.X(escalated), kPanel.Y((accuracy - floor) / (1 - floor))};
  };
  SvgPicture picture(kWidth, kHeight, title);
  picture.Text("title", kPanel.left, 38, title);
  picture.Text("sub", kPanel.left, 60,
               fmt::format("{} messages; {} drawn at random, with a known route; the band is of 95 % at each point",
                           curve.messages, curve.labelled));
  Axes(picture, curve, floor);
  std::vector<SvgPoint> line, band;
  for (const CurvePoint& point : curve.points) {
    line.push_back(at(point.escalated, point.accuracy));
    band.push_back(at(point.escalated, point.accuracy_high));
  }
  for (size_t i = curve.points.size(); i > 0; --i)
    band.push_back(at(curve.points[i - 1].escalated, curve.points[i - 1].accuracy_low));
  picture.Area("band", band);
  picture.Polyline("curve", line);
  for (size_t i = 0; i < line.size(); ++i) picture.Dot("right", line[i].x, line[i].y, 2.5, Hint(curve.points[i]));
  if (curve.current) {
    const CurvePoint& now = *curve.current;
    const SvgPoint dot = at(now.escalated, now.accuracy);
    const SvgPoint left = at(now.escalated_low, now.accuracy), right = at(now.escalated_high, now.accuracy);
    const SvgPoint low = at(now.escalated, now.accuracy_low), high = at(now.escalated, now.accuracy_high);
    picture.Line("mean", left.x, left.y, right.x, right.y);
    picture.Line("mean", low.x, low.y, high.x, high.y);
    picture.Dot("bad", dot.x, dot.y, 6, Hint(now));
    picture.Dot("bad", kPanel.left + 6, kHeight - 26, 6);
    picture.Text("label", kPanel.left + 20, kHeight - 22, "in force: " + Hint(now));
  }
  return picture.Finish();
}

}  // namespace bantam
