// --api-keys: who may ask.
#pragma once

#include "api/context.h"

namespace bantam::cli {

// The keys of the file, if one is given, and $BANTAM_API_KEY and $BANTAM_ADMIN_KEY, which containers bring in; without
// any, anybody may ask.
Status SetUpKeys(const Path& file, ApiContext& context);

}  // namespace bantam::cli
