// A cost curve as SVG: accuracy over the share of messages that a large model is paid for, the band around it, and the
// point that is in force.
#pragma once

#include <string>

#include "route/cost_curve.h"

namespace bantam {

// Of a curve with points.
std::string CostCurvePlot(const CostCurve& curve, std::string_view title);

}  // namespace bantam
