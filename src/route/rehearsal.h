// A route file answers for itself before anybody is answered by it: at a reload, and in `bantam check`.
#pragma once

#include <functional>
#include <string_view>

#include "route/router.h"

namespace bantam {

// All of the file's own `tests:`, or one decision where it has none. The router is one without stores and offline, so
// that nothing is recorded, called or sent. kBadConfig with a line for each test that failed, at most 20:
// `bantam.yaml:93:5: the test "where is my parcel?": route: expected "status", got "hours" (0.61)`.
Status Rehearse(Router& router, const std::function<void(std::string_view stage, double fraction)>& progress);

}  // namespace bantam
