// --alias: other names of what is served.
#pragma once

#include <string>
#include <vector>

#include "api/context.h"

namespace bantam::cli {

// "gpt-3.5-turbo=smollm2", each. kInvalidArgument for a model that is not served, and for a name that is taken.
Status AddAliases(const std::vector<std::string>& options, ApiContext& context);

}  // namespace bantam::cli
