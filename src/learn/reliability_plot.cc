#include "learn/reliability_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/xml.h"

namespace bantam {
namespace {

// One panel of the figure, in pixels; y grows downwards.
struct Panel {
  double left, top, width, height;
  double X(double fraction) const { return left + fraction * width; }
  double Y(double fraction) const { return top + (1 - fraction) * height; }
};

// Within one panel of the figure.
constexpr Panel kCurve{76, 114, 440, 340};
constexpr Panel kCounts{76, 496, 440, 88};
constexpr double kPanelWidth = 540, kMargin = 24, kHeight = 646;

// 3 -> "3", 3912 -> "3.9k"
std::string ShortCount(double count) {
  if (count < 0.5) return "<1";  // a weighted line
  if (count < 1000) return fmt::format("{:.0f}", count);
  if (count < 10'000) return fmt::format("{:.1f}k", count / 1000);
  if (count < 1'000'000) return fmt::format("{:.0f}k", count / 1000);
  return fmt::format("{:.1f}M", count / 1e6);
}

void Line(std::string& svg, std::string_view css, double x1, double y1, double x2, double y2) {
  fmt::format_to(std::back_inserter(svg),
                 "<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", css, x1, y1, x2, y2);
}

void Text(std::string& svg, std::string_view css, double x, double y, std::string_view text) {
  fmt::format_to(std::back_inserter(svg), "<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", css, x, y,
                 EscapeXml(text));
}

void Bar(std::string& svg, std::string_view css, const Panel& panel, const ReliabilityBin& bin, double fraction,
         std::string_view hint) {
  constexpr double kGap = 1.5;
  fmt::format_to(
      std::back_inserter(svg),
      "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>{}</title></rect>\n", css,
      panel.X(bin.low) + kGap, panel.Y(fraction), (bin.high - bin.low) * panel.width - 2 * kGap,
      std::max(0.0, fraction * panel.height), EscapeXml(hint));
}

void Axes(std::string& svg, std::string_view axis) {
  for (int i = 0; i <= 5; ++i) {
    const double f = i / 5.0;
    Line(svg, "grid", kCurve.X(0), kCurve.Y(f), kCurve.X(1), kCurve.Y(f));
    Text(svg, "tick end", kCurve.left - 8, kCurve.Y(f) + 4, fmt::format("{:.1f}", f));
    Text(svg, "tick middle", kCurve.X(f), kCounts.Y(0) + 18, fmt::format("{:.1f}", f));
  }
  Text(svg, "label middle", kCounts.X(0.5), kCounts.Y(0) + 40, axis);
  for (const auto& [panel, name] : {std::pair{kCurve, "share that is right"}, std::pair{kCounts, "lines (log)"}}) {
    const double x = 24, y = panel.Y(0.5);
    fmt::format_to(std::back_inserter(svg),
                   "<text class=\"label middle\" transform=\"translate({:.1f} {:.1f}) rotate(-90)\">{}</text>\n", x, y,
                   name);
  }
}

void Key(std::string& svg) {
  // In the corner that a sensible model leaves empty.
  const double x = kCurve.left + 14, y = kCurve.top + 18;
  fmt::format_to(std::back_inserter(svg),
                 "<rect class=\"right\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"14\" height=\"10\"/>\n", x, y - 9);
  Text(svg, "tick", x + 22, y, "right");
  Line(svg, "mean", x, y + 14, x + 14, y + 14);
  Text(svg, "tick", x + 22, y + 18, "mean of what was said");
  Line(svg, "ideal", x, y + 32, x + 14, y + 32);
  Text(svg, "tick", x + 22, y + 36, "perfectly calibrated");
}

void Draw(std::string& svg, const ReliabilityPanel& panel) {
  Text(svg, "panel", kCurve.left, 76, panel.title);
  Text(svg, "sub", kCurve.left, 96, panel.subtitle);
  Axes(svg, panel.axis);
  double most = 1;
  for (const ReliabilityBin& bin : panel.bins) most = std::max(most, bin.weight);
  for (const ReliabilityBin& bin : panel.bins) {
    if (!(bin.weight > 0)) continue;
    const std::string hint = fmt::format("{:.2f} to {:.2f}: {:.0f} lines, mean {} {:.3f}, right {:.3f}", bin.low,
                                         bin.high, bin.weight, panel.axis, bin.confidence, bin.accuracy);
    Bar(svg, "right", kCurve, bin, bin.accuracy, hint);
    const double share = std::log1p(bin.weight) / std::log1p(most);
    Bar(svg, "bulk", kCounts, bin, share, hint);
    Text(svg, "count middle", kCounts.X((bin.low + bin.high) / 2), kCounts.Y(share) - 4, ShortCount(bin.weight));
  }
  Line(svg, "ideal", kCurve.X(0), kCurve.Y(0), kCurve.X(1), kCurve.Y(1));
  for (const ReliabilityBin& bin : panel.bins) {  // over the bars and the diagonal
    if (!(bin.weight > 0)) continue;
    const double inset = (bin.high - bin.low) * 0.12;
    Line(svg, "mean", kCurve.X(bin.low + inset), kCurve.Y(bin.confidence), kCurve.X(bin.high - inset),
         kCurve.Y(bin.confidence));
  }
  Line(svg, "axis", kCurve.X(0), kCurve.Y(0), kCurve.X(1), kCurve.Y(0));
  Line(svg, "axis", kCounts.X(0), kCounts.Y(0), kCounts.X(1), kCounts.Y(0));
  Key(svg);
}

}  // namespace

std::string ReliabilityPlot(std::string_view title, const std::vector<ReliabilityPanel>& panels) {
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\">\n"
      "<title>{2}</title>\n<style>\n"
      "text{{font-family:system-ui,sans-serif;fill:#1f2933}} .title{{font-size:19px;font-weight:600}} "
      ".panel{{font-size:15px;font-weight:600}} .sub{{font-size:12.5px;fill:#52606d}}\n"
      ".tick{{font-size:11px;fill:#52606d}} .count{{font-size:10px;fill:#52606d}} .label{{font-size:12px}}\n"
      ".end{{text-anchor:end}} .middle{{text-anchor:middle}}\n"
      ".grid{{stroke:#e4e7eb}} .axis{{stroke:#9aa5b1}} .ideal{{stroke:#616e7c;stroke-dasharray:5 4}}\n"
      ".right{{fill:#4098d7}} .bulk{{fill:#b3c5d7}} .mean{{stroke:#ba2525;stroke-width:2.5}}\n"
      "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
      kMargin + kPanelWidth * static_cast<double>(panels.size()), kHeight, EscapeXml(title));
  Text(svg, "title", kCurve.left, 38, title);
  for (size_t i = 0; i < panels.size(); ++i) {
    svg += fmt::format("<g transform=\"translate({:.0f} 0)\">\n", kPanelWidth * static_cast<double>(i));
    Draw(svg, panels[i]);
    svg += "</g>\n";
  }
  svg += "</svg>\n";
  return svg;
}

}  // namespace bantam
