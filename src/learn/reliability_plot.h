// A reliability diagram as SVG: how often predictions of each confidence are right, and how many there are.
#pragma once

#include <span>
#include <string>

#include "learn/metrics.h"

namespace bantam {

struct ReliabilityPlotOptions {
  std::string title = "Reliability";
  std::string subtitle;
};

std::string ReliabilityPlot(std::span<const ReliabilityBin> bins, const ReliabilityPlotOptions& options);

}  // namespace bantam
