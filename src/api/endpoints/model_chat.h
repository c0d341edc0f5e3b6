// POST /v1/chat/completions for a model that writes text; chat.cc has the assistant of a route file.
#pragma once

#include "api/context.h"
#include "api/http_types.h"
#include "base/json.h"

namespace bantam {

// Whether "model" names such a model; without "model", whether there is no assistant that could be meant.
Result<bool> IsModelChat(const ApiContext& context, const JsonObject& body);

void AskModelToChat(ApiContext& context, const JsonObject& body, const HttpRequest& http, Responder& responder);

}  // namespace bantam
