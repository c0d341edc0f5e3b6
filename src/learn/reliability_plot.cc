#include "learn/reliability_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/svg.h"

namespace bantam {
namespace {

// Within one panel of the figure.
constexpr SvgPanel kCurve{76, 114, 440, 340};
constexpr SvgPanel kCounts{76, 496, 440, 88};
constexpr double kPanelWidth = 540, kMargin = 24, kHeight = 646;

// A weighted line may be less than one.
std::string CountText(double count) { return count < 0.5 ? "<1" : ShortCount(count); }

void Bar(SvgPicture& picture, std::string_view style, const SvgPanel& panel, const ReliabilityBin& bin, double fraction,
         std::string_view hint) {
  constexpr double kGap = 1.5;
  picture.Rect(style, panel.X(bin.low) + kGap, panel.Y(fraction), (bin.high - bin.low) * panel.width - 2 * kGap,
               std::max(0.0, fraction * panel.height), hint);
}

void Axes(SvgPicture& picture, std::string_view axis) {
  for (int i = 0; i <= 5; ++i) {
    const double f = i / 5.0;
    picture.Line("grid", kCurve.X(0), kCurve.Y(f), kCurve.X(1), kCurve.Y(f));
    picture.Text("tick end", kCurve.left - 8, kCurve.Y(f) + 4, fmt::format("{:.1f}", f));
    picture.Text("tick middle", kCurve.X(f), kCounts.Y(0) + 18, fmt::format("{:.1f}", f));
  }
  picture.Text("label middle", kCounts.X(0.5), kCounts.Y(0) + 40, axis);
  picture.TurnedText("label middle", 24, kCurve.Y(0.5), "share that is right");
  picture.TurnedText("label middle", 24, kCounts.Y(0.5), "lines (log)");
}

void Key(SvgPicture& picture) {
  // In the corner that a sensible model leaves empty.
  const double x = kCurve.left + 14, y = kCurve.top + 18;
  picture.Rect("right", x, y - 9, 14, 10);
  picture.Text("tick", x + 22, y, "right");
  picture.Line("mean", x, y + 14, x + 14, y + 14);
  picture.Text("tick", x + 22, y + 18, "mean of what was said");
  picture.Line("ideal", x, y + 32, x + 14, y + 32);
  picture.Text("tick", x + 22, y + 36, "perfectly calibrated");
}

void Draw(SvgPicture& picture, const ReliabilityPanel& panel) {
  picture.Text("panel", kCurve.left, 76, panel.title);
  picture.Text("sub", kCurve.left, 96, panel.subtitle);
  Axes(picture, panel.axis);
  double most = 1;
  for (const ReliabilityBin& bin : panel.bins) most = std::max(most, bin.weight);
  for (const ReliabilityBin& bin : panel.bins) {
    if (!(bin.weight > 0)) continue;
    const std::string hint = fmt::format("{:.2f} to {:.2f}: {:.0f} lines, mean {} {:.3f}, right {:.3f}", bin.low,
                                         bin.high, bin.weight, panel.axis, bin.confidence, bin.accuracy);
    Bar(picture, "right", kCurve, bin, bin.accuracy, hint);
    const double share = std::log1p(bin.weight) / std::log1p(most);
    Bar(picture, "bulk", kCounts, bin, share, hint);
    picture.Text("count middle", kCounts.X((bin.low + bin.high) / 2), kCounts.Y(share) - 4, CountText(bin.weight));
  }
  picture.Line("ideal", kCurve.X(0), kCurve.Y(0), kCurve.X(1), kCurve.Y(1));
  for (const ReliabilityBin& bin : panel.bins) {  // over the bars and the diagonal
    if (!(bin.weight > 0)) continue;
    const double inset = (bin.high - bin.low) * 0.12;
    picture.Line("mean", kCurve.X(bin.low + inset), kCurve.Y(bin.confidence), kCurve.X(bin.high - inset),
                 kCurve.Y(bin.confidence));
  }
  picture.Line("axis", kCurve.X(0), kCurve.Y(0), kCurve.X(1), kCurve.Y(0));
  picture.Line("axis", kCounts.X(0), kCounts.Y(0), kCounts.X(1), kCounts.Y(0));
  Key(picture);
}

}  // namespace

std::string ReliabilityPlot(std::string_view title, const std::vector<ReliabilityPanel>& panels) {
  SvgPicture picture(kMargin + kPanelWidth * static_cast<double>(panels.size()), kHeight, title);
  picture.Text("title", kCurve.left, 38, title);
  for (size_t i = 0; i < panels.size(); ++i) {
    picture.BeginGroup(kPanelWidth * static_cast<double>(i));
    Draw(picture, panels[i]);
    picture.EndGroup();
  }
  return picture.Finish();
}

}  // namespace bantam
