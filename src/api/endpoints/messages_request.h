// What Anthropic's clients send to /v1/messages: "system" beside the messages, whose contents are blocks; tools with an
// "input_schema"; "stop_sequences"; "thinking".
#pragma once

#include <string>

#include "api/context.h"
#include "api/endpoints/assistant_chat.h"
#include "api/endpoints/text_exchange.h"
#include "base/json.h"

namespace bantam {

struct MessagesText : TextRequest {
  bool stream = false;
  bool shows_thoughts = false;  // they were asked for
};

// Of a model. counts: only the prompt is wanted, to count it.
Result<MessagesText> ReadMessagesText(const ApiContext& context, const JsonObject& body, const HttpRequest& http,
                                      bool counts, std::string& at);

// Of the assistant.
Result<AssistantCall> ReadMessagesCall(Router& router, const JsonObject& body, std::string& at);
// "system" and "messages" as chat templates expect them.
Result<json::array> ReadMessagesAlone(const JsonObject& body, std::string& at);

}  // namespace bantam
