// What the endpoints of /v1/learning answer with.
#pragma once

#include "api/http_types.h"
#include "base/json.h"

namespace bantam {

// For nobody to keep. at: the field that an error is about, or empty.
HttpReply LearningReply(const Result<json::object>& body, std::string_view at = {});

}  // namespace bantam
