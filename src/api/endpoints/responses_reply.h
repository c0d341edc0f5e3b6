// A text as OpenAI's clients read it from /v1/responses: an object with a list of items, whole or in events.
#pragma once

#include <memory>
#include <string>

#include "api/endpoints/text_writer.h"
#include "api/http_types.h"
#include "base/json.h"

namespace bantam {

struct ResponseHead {
  std::string request_id;
  std::string model;
  int64_t created = 0;  // seconds since 1970
  bool stream = false;
  json::object echo;  // members that repeat the request
};

std::unique_ptr<TextWriter> NewResponseWriter(Responder& responder, ResponseHead head);

}  // namespace bantam
