// POST /v1/messages and /v1/messages/count_tokens, as Anthropic's clients send and read them.
#include <algorithm>

#include "api/endpoints/assistant_chat.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/messages_reply.h"
#include "api/endpoints/messages_request.h"
#include "api/endpoints/model_chat.h"
#include "api/endpoints/parse.h"

namespace bantam {
namespace {

void AskModel(ApiContext& context, const JsonObject& body, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto text = ReadMessagesText(context, body, http, false, at);
  if (!text) return responder.Send(ErrorReply(ApiFamily::kAnthropic, text.error(), at, 1, http.request_id));
  const auto shared = std::make_shared<const MessagesText>(*std::move(text));
  StartText(context, http, responder, ApiFamily::kAnthropic, shared, [shared](const HttpRequest& own, Responder& to) {
    return NewMessageWriter(to, {.request_id = own.request_id,
                                 .model = shared->model->name,
                                 .stream = shared->stream,
                                 .shows_thoughts = shared->shows_thoughts,
                                 .max_tokens = shared->call.max_tokens});
  });
}

// The assistant reads the last message of the user, and of that no more than its encoder does.
int64_t CountQuestion(Router& router, const json::array& messages) {
  const auto is_user = [](const json::value& message) { return message.at("role") == "user"; };
  const auto last = std::find_if(messages.rbegin(), messages.rend(), is_user);
  if (last == messages.rend()) return 0;
  const std::string_view question = last->at("content").as_string();
  const Embedder& embedder = router.embedder();
  const auto limit = static_cast<size_t>(embedder.max_tokens());
  return static_cast<int64_t>(embedder.tokenizer().Encode(question, {.max_tokens = limit}).ids.size());
}

Result<int64_t> CountTokens(const ApiContext& context, const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  at = "model";
  BANTAM_TRY(const std::string model, body.String("model"));
  const std::shared_ptr<Router> router = context.router();
  if (router != nullptr && context.IsRouter(model)) {
    BANTAM_TRY(const json::array messages, ReadMessagesAlone(body, at));
    return CountQuestion(*router, messages);
  }
  BANTAM_TRY(const MessagesText text, ReadMessagesText(context, body, http, true, at));
  return static_cast<int64_t>(text.call.prompt_ids->size());
}

}  // namespace

void HandleMessages(ApiContext& context, const HttpRequest& request, Responder& responder) {
  static constexpr ChatApi kApi = {.family = ApiFamily::kAnthropic, .read = ReadMessagesCall, .ask_model = AskModel};
  AnswerChat(kApi, context, request, responder);
}

void HandleCountTokens(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  const auto count = CountTokens(context, request, at);
  if (!count) return responder.Send(ErrorReply(ApiFamily::kAnthropic, count.error(), at, 1, request.request_id));
  responder.Send({.status = 200,
                  .content_type = "application/json",
                  .body = ToJson(json::object{{"input_tokens", *count}}),
                  .headers = {}});
}

}  // namespace bantam
