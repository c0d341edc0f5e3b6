// A second name, for /api/copy and for what /api/create makes of "from".
#pragma once

#include <string>

#include "api/context.h"

namespace bantam {

// A model of the store gets it there, where it stays; one that is served answers to it at once.
Status CopyServedModel(ApiContext& context, const std::string& source, const std::string& destination);

}  // namespace bantam
