#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

namespace bantam {

// The fastest of many repeats: on a machine that others use too it is the only figure that says something of the
// kernel.
template <typename Body>
double BestSeconds(Body&& body, double budget_s = 0.12) {
  using Clock = std::chrono::steady_clock;
  body();
  double best = INFINITY, total = 0;
  for (int run = 0; run < 2000 && (total < budget_s || run < 5); ++run) {
    const auto begin = Clock::now();
    body();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

}  // namespace bantam
