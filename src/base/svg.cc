#include "base/svg.h"

#include <fmt/format.h>

#include <iterator>

#include "base/xml.h"

namespace bantam {
namespace {

std::string Hint(std::string_view hint) {
  return hint.empty() ? std::string() : fmt::format("<title>{}</title>", EscapeXml(hint));
}

}  // namespace

SvgPicture::SvgPicture(double width, double height, std::string_view title)
    : svg_(fmt::format(
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
          "role=\"img\">\n<title>{2}</title>\n<style>\n"
          "text{{font-family:system-ui,sans-serif;fill:#1f2933}} .title{{font-size:19px;font-weight:600}} "
          ".panel{{font-size:15px;font-weight:600}} .sub{{font-size:12.5px;fill:#52606d}}\n"
          ".tick{{font-size:11px;fill:#52606d}} .count{{font-size:10px;fill:#52606d}} .label{{font-size:12px}}\n"
          ".end{{text-anchor:end}} .middle{{text-anchor:middle}}\n"
          ".grid{{stroke:#e4e7eb}} .axis{{stroke:#9aa5b1}} .ideal{{stroke:#616e7c;stroke-dasharray:5 4}}\n"
          ".right{{fill:#4098d7}} .bulk{{fill:#b3c5d7}} .bad{{fill:#d64545}} .other{{fill:#e9b949}} "
          ".band{{fill:#4098d7;fill-opacity:.2}}\n"
          ".mean{{stroke:#ba2525;stroke-width:2.5}} .curve{{stroke:#186faf;stroke-width:2.5;fill:none}}\n"
          "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
          width, height, EscapeXml(title))) {}

void SvgPicture::Line(std::string_view style, double x1, double y1, double x2, double y2) {
  fmt::format_to(std::back_inserter(svg_),
                 "<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", style, x1, y1, x2,
                 y2);
}

void SvgPicture::Text(std::string_view style, double x, double y, std::string_view text) {
  fmt::format_to(std::back_inserter(svg_), "<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", style, x, y,
                 EscapeXml(text));
}

void SvgPicture::TurnedText(std::string_view style, double x, double y, std::string_view text) {
  fmt::format_to(std::back_inserter(svg_),
                 "<text class=\"{}\" transform=\"translate({:.1f} {:.1f}) rotate(-90)\">{}</text>\n", style, x, y,
                 EscapeXml(text));
}

void SvgPicture::Rect(std::string_view style, double x, double y, double width, double height, std::string_view hint) {
  fmt::format_to(std::back_inserter(svg_),
                 "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">{}</rect>\n", style,
                 x, y, width, height, Hint(hint));
}

void SvgPicture::Dot(std::string_view style, double x, double y, double radius, std::string_view hint) {
  fmt::format_to(std::back_inserter(svg_),
                 "<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\">{}</circle>\n", style, x, y, radius,
                 Hint(hint));
}

void SvgPicture::Points(std::string_view element, std::string_view style, std::span<const SvgPoint> points) {
  fmt::format_to(std::back_inserter(svg_), "<{} class=\"{}\" points=\"", element, style);
  for (size_t i = 0; i < points.size(); ++i)
    fmt::format_to(std::back_inserter(svg_), "{}{:.1f},{:.1f}", i == 0 ? "" : " ", points[i].x, points[i].y);
  svg_ += "\"/>\n";
}

void SvgPicture::Polyline(std::string_view style, std::span<const SvgPoint> points) {
  Points("polyline", style, points);
}

void SvgPicture::Area(std::string_view style, std::span<const SvgPoint> points) { Points("polygon", style, points); }

void SvgPicture::BeginGroup(double right_by) {
  svg_ += fmt::format("<g transform=\"translate({:.0f} 0)\">\n", right_by);
}

void SvgPicture::EndGroup() { svg_ += "</g>\n"; }

std::string SvgPicture::Finish() { return std::move(svg_) + "</svg>\n"; }

std::string ShortCount(double count) {
  if (count < 1000) return fmt::format("{:.0f}", count);
  if (count < 10'000) return fmt::format("{:.1f}k", count / 1000);
  if (count < 1'000'000) return fmt::format("{:.0f}k", count / 1000);
  return fmt::format("{:.1f}M", count / 1e6);
}

}  // namespace bantam
