#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace bantam::cli {

ProgressBar::ProgressBar(std::string title)
    : title_(std::move(title)), terminal_(::isatty(STDERR_FILENO) == 1), start_(MonotonicNow()), last_(start_) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\x1B[K", stderr);
}

void ProgressBar::Update(std::string_view stage, double fraction) {
  if (!terminal_ || MillisecondsSince(start_) < 300 || MillisecondsSince(last_) < 100) return;
  last_ = MonotonicNow();
  fraction = std::clamp(fraction, 0.0, 1.0);
  constexpr int kWidth = 28;
  const int filled = static_cast<int>(fraction * kWidth);
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < filled ? "━" : "─";
  const double elapsed = MillisecondsSince(start_) / 1e3;
  const std::string left = fraction > 0.02 ? fmt::format("{:.0f} s left", elapsed / fraction - elapsed) : std::string();
  const std::string line = fmt::format("\r\x1B[K{} {} {:3.0f} % {} {}", title_, bar, fraction * 100, stage, left);
  std::fwrite(line.data(), 1, line.size(), stderr);
  drawn_ = true;
}

}  // namespace bantam::cli
