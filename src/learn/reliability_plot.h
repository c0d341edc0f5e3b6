// Reliability diagrams as SVG: how often predictions of each confidence are right, and how many there are.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "learn/metrics.h"

namespace bantam {

struct ReliabilityPanel {
  std::string title, subtitle;
  std::string axis = "confidence";  // what is on the x axis
  std::span<const ReliabilityBin> bins;
};

// The panels stand side by side under one title.
std::string ReliabilityPlot(std::string_view title, const std::vector<ReliabilityPanel>& panels);

}  // namespace bantam
