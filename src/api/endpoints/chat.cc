// POST /v1/chat/completions: what is asked is in chat_request.h and model_chat.h, what is said in chat_reply.h and
// generate_reply.h.
#include "api/endpoints/assistant_chat.h"
#include "api/endpoints/chat_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/model_chat.h"

namespace bantam {

void HandleChat(ApiContext& context, const HttpRequest& request, Responder& responder) {
  static constexpr ChatApi kApi = {.one_to_one = true, .read = ReadChatCall, .ask_model = AskModelToChat};
  AnswerChat(kApi, context, request, responder);
}

}  // namespace bantam
