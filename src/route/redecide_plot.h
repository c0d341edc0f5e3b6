// What deciding a log again changes, as SVG: where on the scale of confidence decisions change, and what becomes of
// costs and errors.
#pragma once

#include <string>

#include "route/redecide.h"

namespace bantam {

std::string RedecidePlot(const RedecideReport& report, std::string_view title);

}  // namespace bantam
