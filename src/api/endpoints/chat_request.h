// What POST /v1/chat/completions asks of the assistant, and what of a request goes on to a large model as it came.
#pragma once

#include <string>

#include "api/endpoints/assistant_chat.h"
#include "base/json.h"

namespace bantam {

Result<AssistantCall> ReadChatCall(Router& router, const JsonObject& body, std::string& at);

// Checks what OpenAI defines, and adds what is there to `passed`: numbers by their ranges ("temperature",
// "max_tokens"),
Status PassNumbers(const JsonObject& body, json::object& passed, std::string& at);
// and the rest by its type ("response_format", "user").
Status PassSettings(const JsonObject& body, json::object& passed, std::string& at);

}  // namespace bantam
