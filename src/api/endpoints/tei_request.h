// What the endpoints of Text Embeddings Inference have in common.
#pragma once

#include "api/error_map.h"
#include "api/http_types.h"
#include "base/result.h"

namespace bantam {

// The refusal of a request: 422, or 400 with the type "Empty" where its "inputs", "texts" or "ids" are an empty list.
HttpReply TeiRefusal(const Error& error, const HttpRequest& request);

}  // namespace bantam
