// What POST /v1/chat/completions asks of the assistant.
#pragma once

#include <string>

#include "api/context.h"
#include "api/http_types.h"
#include "base/json.h"
#include "route/types.h"

namespace bantam {

struct ChatCall {
  AssistantRequest request;
  bool stream = false;
  bool include_usage = false;
};

// router: null where there is no assistant. at: the field that an error is about, as in parse.h.
Result<ChatCall> ReadChatCall(const ApiContext& context, Router* router, const JsonObject& body,
                              const HttpRequest& request, std::string& at);

}  // namespace bantam
