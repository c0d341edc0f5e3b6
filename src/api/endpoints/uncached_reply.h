// A reply for nobody to keep: what stands in it changes by itself.
#pragma once

#include "api/error_map.h"
#include "api/http_types.h"
#include "base/json.h"

namespace bantam {

// at: the field that an error is about, or empty.
inline HttpReply UncachedReply(const Result<json::object>& body, std::string_view at = {}) {
  if (!body) return OpenAiError(body.error(), at);
  return {.status = 200,
          .content_type = "application/json",
          .body = ToJson(*body),
          .headers = {{"Cache-Control", "no-store"}}};
}

}  // namespace bantam
