// What the APIs that chat share: whether a request goes to the assistant of the route file or to a model, and the
// assistant's answer. An API brings a reader of its requests and a writer of its replies.
#pragma once

#include <string>

#include "api/context.h"
#include "api/endpoints/text_writer.h"
#include "api/error_map.h"
#include "api/http_types.h"
#include "base/json.h"
#include "route/types.h"

namespace bantam {

struct AssistantCall {
  // Messages, and what goes on to a large model; who asks and by when says ReadWhoAsks.
  AssistantRequest request = {};
  bool stream = false;
  TextWriterMaker writer = {};
};

// Whose the conversation is, and how long it may take: "metadata" and headers.
Status ReadWhoAsks(const ApiContext& context, const JsonObject& body, const HttpRequest& http,
                   AssistantRequest& request, std::string& at);

struct ChatApi {
  ApiFamily family = ApiFamily::kOpenAi;
  const char* messages = "messages";  // the field with the conversation
  bool one_to_one = false;            // its entries are the messages of the call, so that errors can number them
  // at: the field that an error is about, as in parse.h.
  Result<AssistantCall> (*read)(Router& router, const JsonObject& body, std::string& at) = nullptr;
  // Of a model that writes text, for which `body` asks.
  void (*ask_model)(ApiContext& context, const JsonObject& body, const HttpRequest& http,
                    Responder& responder) = nullptr;
};

// A handler. Where it is called on the I/O thread (IsQuickChat), what takes longer goes on on a worker.
void AnswerChat(const ChatApi& api, ApiContext& context, const HttpRequest& http, Responder& responder);

}  // namespace bantam
