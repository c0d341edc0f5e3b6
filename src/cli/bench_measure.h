// What the parts of `bantam bench` share: how passes are timed and which quantiles are told.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/clock.h"
#include "cli/progress.h"

namespace bantam::cli {

struct MeasureOptions {
  int repeat = 0;      // timed passes; 0: as many as fit into `seconds`, at least kMinRuns
  double seconds = 2;  // after a warm-up of 0.3 s, or less where this is less
};

// The p-quantile of sorted values: the smallest value that at least that share does not exceed.
inline double Quantile(const std::vector<double>& sorted, double p) {
  const auto rank = static_cast<size_t>(std::ceil(p * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

// Sorted milliseconds of one pass each.
template <typename Pass>
std::vector<double> Measure(const MeasureOptions& options, Pass&& pass) {
  constexpr size_t kMinRuns = 5;
  const double measure_ms = options.seconds * 1e3, warm_up_ms = std::min(300.0, measure_ms);
  ProgressBar progress("bench");
  const MonotonicTime warm_up = MonotonicNow();
  do pass();
  while (MillisecondsSince(warm_up) < warm_up_ms);
  std::vector<double> times;
  const MonotonicTime start = MonotonicNow();
  const auto enough = [&] {
    if (options.repeat > 0) return times.size() >= static_cast<size_t>(options.repeat);
    return times.size() >= kMinRuns && MillisecondsSince(start) >= measure_ms;
  };
  while (!enough()) {
    const MonotonicTime begin = MonotonicNow();
    pass();
    times.push_back(MillisecondsSince(begin));
    progress.Update("", options.repeat > 0 ? static_cast<double>(times.size()) / options.repeat
                                           : MillisecondsSince(start) / measure_ms);
  }
  std::sort(times.begin(), times.end());
  return times;
}

}  // namespace bantam::cli
