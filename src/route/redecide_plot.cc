#include "route/redecide_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/svg.h"

namespace bantam {
namespace {

// All messages above, those that change below on a scale of their own, and at the side what it comes to.
constexpr SvgPanel kAll{76, 104, 520, 110}, kChanged{76, 250, 520, 200}, kSide{668, 104, 250, 346};
constexpr double kWidth = 960, kHeight = 546;

int64_t ChangedIn(const ChangeCounts& counts) { return counts.handed_on + counts.taken + counts.otherwise; }

void Scale(SvgPicture& picture, const SvgPanel& panel, int64_t most, std::string_view name) {
  picture.Line("grid", panel.X(0), panel.Y(1), panel.X(1), panel.Y(1));
  picture.Text("tick end", panel.left - 8, panel.Y(1) + 4, ShortCount(static_cast<double>(most)));
  picture.Text("tick end", panel.left - 8, panel.Y(0) + 4, "0");
  picture.Line("axis", panel.X(0), panel.Y(0), panel.X(1), panel.Y(0));
  picture.TurnedText("label middle", 26, panel.Y(0.5), name);
}

void Threshold(SvgPicture& picture, std::string_view style, double threshold, double text_y, std::string_view when) {
  if (!std::isfinite(threshold)) return;
  const double x = kAll.X(std::clamp(threshold, 0.0, 1.0));
  picture.Line(style, x, kAll.Y(1) - 4, x, kChanged.Y(0));
  picture.Text("tick middle", x, text_y, fmt::format("{} {:.3g}", when, threshold));
}

void Histogram(SvgPicture& picture, const RedecideReport& report) {
  int64_t most = 1, most_changed = 1;
  for (const ChangeCounts& counts : report.by_confidence) {
    most = std::max(most, counts.same + ChangedIn(counts));
    most_changed = std::max(most_changed, ChangedIn(counts));
  }
  Scale(picture, kAll, most, "all");
  Scale(picture, kChanged, most_changed, "decided otherwise");
  const double step = 1.0 / static_cast<double>(report.by_confidence.size());
  for (size_t i = 0; i < report.by_confidence.size(); ++i) {
    const ChangeCounts& counts = report.by_confidence[i];
    const double low = static_cast<double>(i) * step;
    const auto bar = [&](const SvgPanel& panel, std::string_view style, int64_t below, int64_t count, int64_t full,
                         std::string_view what) {
      if (count == 0) return;
      const double top = static_cast<double>(below + count) / static_cast<double>(full);
      picture.Rect(style, panel.X(low) + 0.5, panel.Y(top), step * panel.width - 1,
                   static_cast<double>(count) / static_cast<double>(full) * panel.height,
                   fmt::format("confidence {:.3f} to {:.3f}: {} {}", low, low + step, count, what));
    };
    bar(kAll, "bulk", 0, counts.same + ChangedIn(counts), most, "messages");
    bar(kChanged, "other", 0, counts.handed_on, most_changed, "not answered here any more");
    bar(kChanged, "right", counts.handed_on, counts.taken, most_changed, "answered here now");
    bar(kChanged, "bad", counts.handed_on + counts.taken, counts.otherwise, most_changed, "decided otherwise");
  }
  for (int i = 0; i <= 5; ++i)
    picture.Text("tick middle", kChanged.X(i / 5.0), kChanged.Y(0) + 18, fmt::format("{:.1f}", i / 5.0));
  picture.Text("label middle", kChanged.X(0.5), kChanged.Y(0) + 40, "confidence of the messages now");
  const bool moved = report.threshold_before != report.threshold_after;
  if (moved) Threshold(picture, "ideal", report.threshold_before, 84, "then");
  Threshold(picture, "mean", report.threshold_after, 97, "now");
}

void Key(SvgPicture& picture) {
  double x = kChanged.left;
  for (const auto& [style, text] : {std::pair{"other", "not answered here any more"},
                                    {"right", "answered here now"},
                                    {"bad", "decided otherwise"}}) {
    picture.Rect(style, x, kHeight - 33, 14, 10);
    picture.Text("tick", x + 20, kHeight - 24, text);
    x += 200;
  }
}

// Two bars, then and now, on the scale of the longer one.
void Pair(SvgPicture& picture, double top, std::string_view name, double before, double after,
          const std::string& before_text, const std::string& after_text) {
  picture.Text("panel", kSide.left, top, name);
  const double most = std::max({before, after, 1e-300});
  double y = top + 14;
  for (const auto& [style, value, text] :
       {std::tuple{"bulk", before, "then " + before_text}, {"right", after, "now " + after_text}}) {
    picture.Rect(style, kSide.left, y, std::max(1.0, value / most * kSide.width), 22);
    picture.Text("label", kSide.left + 6, y + 15, text);
    y += 28;
  }
}

}  // namespace

std::string RedecidePlot(const RedecideReport& r, std::string_view title) {
  SvgPicture picture(kWidth, kHeight, title);
  picture.Text("title", kAll.left, 36, title);
  picture.Text("sub", kAll.left, 58,
               fmt::format("{} messages decided again: {} with the same bits, {} decided otherwise", r.messages,
                           r.same_bits, r.changes.size()));
  Histogram(picture, r);
  Key(picture);
  Pair(picture, kSide.top + 12, "went to a large model", static_cast<double>(r.asked_before),
       static_cast<double>(r.asked_after), fmt::format("{}", r.asked_before), fmt::format("{}", r.asked_after));
  Pair(picture, kSide.top + 132, "at a cost of", r.cost_before, r.cost_after, fmt::format("{:.4g}", r.cost_before),
       fmt::format("{:.4g}", r.cost_after));
  Pair(picture, kSide.top + 252, fmt::format("wrong, of {} with a known route", r.labelled),
       static_cast<double>(r.wrong_before), static_cast<double>(r.wrong_after), fmt::format("{}", r.wrong_before),
       fmt::format("{}", r.wrong_after));
  return picture.Finish();
}

}  // namespace bantam
