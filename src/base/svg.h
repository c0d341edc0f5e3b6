// Figures as SVG: what a plot is put together from, in the one style of all of them.
//
//   SvgPicture picture(600, 400, "Accuracy against cost");
//   picture.Line("grid", 0, 10, 600, 10);
//   return picture.Finish();
//
// A name of a style is a CSS class: text is `tick`, `label`, `sub`, `count`, `panel` or `title`, with `middle` or `end`
// for where it is anchored; lines are `grid`, `axis`, `ideal` (dashed) or `mean`; areas are `right`, `bulk`, `bad`,
// `other` or `band`.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bantam {

struct SvgPoint {
  double x = 0, y = 0;
};

// A rectangle of a figure with coordinates of its own: fractions of it, y upwards.
struct SvgPanel {
  double left = 0, top = 0, width = 0, height = 0;
  double X(double fraction) const { return left + fraction * width; }
  double Y(double fraction) const { return top + (1 - fraction) * height; }
};

class SvgPicture {
 public:
  SvgPicture(double width, double height, std::string_view title);

  void Line(std::string_view style, double x1, double y1, double x2, double y2);
  void Text(std::string_view style, double x, double y, std::string_view text);
  void TurnedText(std::string_view style, double x, double y, std::string_view text);  // reads upwards
  // What pointing at it says; empty: nothing.
  void Rect(std::string_view style, double x, double y, double width, double height, std::string_view hint = {});
  void Dot(std::string_view style, double x, double y, double radius, std::string_view hint = {});
  void Polyline(std::string_view style, std::span<const SvgPoint> points);
  void Area(std::string_view style, std::span<const SvgPoint> points);
  // What follows stands so much further to the right.
  void BeginGroup(double right_by);
  void EndGroup();
  std::string Finish();

 private:
  void Points(std::string_view element, std::string_view style, std::span<const SvgPoint> points);
  std::string svg_;
};

// 3 -> "3", 3912 -> "3.9k"
std::string ShortCount(double count);

}  // namespace bantam
