// What OpenAI's clients send to /v1/responses: "instructions" and "input", which is a text or a list of items; tools as
// they are, without a "function" around them; "text" for the form of the text.
#pragma once

#include <string>

#include "api/context.h"
#include "api/endpoints/assistant_chat.h"
#include "api/endpoints/text_exchange.h"
#include "base/json.h"

namespace bantam {

struct ResponsesText : TextRequest {
  bool stream = false;
  json::object echo = {};  // what the reply repeats of the request
};

// Of a model.
Result<ResponsesText> ReadResponsesText(const ApiContext& context, const JsonObject& body, const HttpRequest& http,
                                        std::string& at);
// Of the assistant.
Result<AssistantCall> ReadResponsesCall(Router& router, const JsonObject& body, std::string& at);

}  // namespace bantam
