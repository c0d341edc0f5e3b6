// POST /v1/responses, as OpenAI's clients send and read it. Nothing is stored: each request brings its conversation.
#include <ctime>

#include "api/endpoints/assistant_chat.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/responses_reply.h"
#include "api/endpoints/responses_request.h"

namespace bantam {
namespace {

void AskModel(ApiContext& context, const JsonObject& body, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto text = ReadResponsesText(context, body, http, at);
  if (!text) return responder.Send(OpenAiError(text.error(), at));
  const auto shared = std::make_shared<const ResponsesText>(*std::move(text));
  StartText(context, http, responder, ApiFamily::kOpenAi, shared, [shared](const HttpRequest& own, Responder& to) {
    return NewResponseWriter(to, {.request_id = own.request_id,
                                  .model = shared->model->name,
                                  .created = std::time(nullptr),
                                  .stream = shared->stream,
                                  .echo = shared->echo});
  });
}

}  // namespace

void HandleResponses(ApiContext& context, const HttpRequest& request, Responder& responder) {
  static constexpr ChatApi kApi = {.messages = "input", .read = ReadResponsesCall, .ask_model = AskModel};
  AnswerChat(kApi, context, request, responder);
}

}  // namespace bantam
