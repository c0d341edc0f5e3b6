// What replies say of a decision, wherever they do.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "route/types.h"

namespace bantam {

json::array NearestJson(const std::vector<NearestExample>& examples);
json::value CalibrationIdJson(const std::string& id);  // null for none

}  // namespace bantam
