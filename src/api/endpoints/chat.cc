// POST /v1/chat/completions: what is asked is in chat_request.h, what is said in chat_reply.h.
#include <algorithm>
#include <boost/json/monotonic_resource.hpp>

#include "api/endpoints/chat_reply.h"
#include "api/endpoints/chat_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/model_chat.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "api/work_done.h"
#include "route/router.h"

namespace bantam {
namespace {

// Whether the encoder decided on the beginning of the question only. A rule reads all of it.
bool WasTruncated(const Embedder& embedder, const AssistantRequest& request, const AssistantAnswer& answer) {
  if (answer.source == AnswerSource::kRule) return false;
  const auto is_user = [](const ChatMessage& message) { return message.role == "user"; };
  const auto question = std::find_if(request.messages.rbegin(), request.messages.rend(), is_user);
  const auto limit = static_cast<size_t>(embedder.max_tokens());
  constexpr size_t kSpecialTokens = 2;
  // No token is shorter than a byte, so that most questions need not be tokenised once more.
  if (question == request.messages.rend() || question->content.size() + kSpecialTokens <= limit) return false;
  return embedder.tokenizer().Encode(question->content, {.max_tokens = limit}).truncated();
}

// One call of the assistant, from the request to the reply.
class AssistantChat {
 public:
  AssistantChat(ApiContext& context, std::shared_ptr<Router> router, const HttpRequest& request, ChatCall call)
      : context_(context),
        router_(std::move(router)),
        request_(request),
        call_(std::move(call)),
        head_{.request_id = request.request_id, .model = router_->file().name, .created = std::time(nullptr)},
        work_(request) {}

  // False where that takes a worker; nothing is sent then. A stream does: it waits for a client that reads slowly.
  bool AnswerAtOnce(Responder& responder) {
    if (call_.stream) return false;
    const std::optional<AssistantAnswer> answer = router_->AnswerAtOnce(call_.request);
    if (!answer) return false;
    TellModel();
    Count(*answer);
    SendWhole(*answer, responder);
    return true;
  }

  void Answer(Responder& responder) {
    TellModel();
    ChatChunks chunks(responder, work_, head_, call_.include_usage);
    // The sink gets an upstream's text as it comes; local and cached answers arrive whole, with the answer.
    // Without a stream there is none: an answer that breaks off can then still be replaced by one that says so.
    DeltaSink sink;
    if (call_.stream) sink = [&](std::string_view piece) { chunks.Piece(piece, false); };
    const auto answer = router_->Answer(call_.request, sink);
    if (!answer && chunks.begun()) return chunks.Fail(answer.error());
    if (!answer) return responder.Send(OpenAiError(answer.error()));
    Count(*answer);
    if (!call_.stream) return SendWhole(*answer, responder);
    if (!chunks.begun()) chunks.Piece(answer->text, answer->cache_hit);
    chunks.Finish(*answer, Truncated(*answer));
  }

 private:
  void TellModel() const { work_.TellModel(router_->file().name, router_->embedder().weights_sha256()); }

  bool Truncated(const AssistantAnswer& answer) const {
    return WasTruncated(router_->embedder(), call_.request, answer);
  }

  void Count(const AssistantAnswer& answer) {
    if (answer.source == AnswerSource::kLocalModel) context_.metrics.CountLayers(answer.exit_layer);
    context_.metrics.CountDecision(AnswerSourceName(answer.source), DecisionKindName(answer.decision),
                                   answer.latency_ms);
  }

  void SendWhole(const AssistantAnswer& answer, Responder& responder) {
    work_.TellCache(answer.cache_hit);
    responder.Send(WholeChatReply(head_, answer, Truncated(answer)));
  }

  ApiContext& context_;
  const std::shared_ptr<Router> router_;
  const HttpRequest& request_;
  const ChatCall call_;
  const ChatReplyHead head_;
  const WorkDone work_;
};

// On a worker, for whatever may take longer than microseconds.
void AnswerChat(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  json::value document;
  const auto body = ParseBody(request, document);
  if (!body) return responder.Send(OpenAiError(body.error(), at));
  const Result<bool> model_chat = IsModelChat(context, *body);
  if (!model_chat) return responder.Send(OpenAiError(model_chat.error(), "model"));
  if (*model_chat) return HandleModelChat(context, *body, request, responder);
  std::shared_ptr<Router> router = context.router();
  auto call = ReadChatCall(context, router.get(), *body, request, at);
  if (!call) return responder.Send(OpenAiError(call.error(), at));
  AssistantChat(context, std::move(router), request, *std::move(call)).Answer(responder);
}

// On the I/O thread: false where it takes a worker. What is wrong with a request is told there, too.
bool AnswerChatAtOnce(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::shared_ptr<Router> router = context.router();
  if (router == nullptr) return false;
  json::monotonic_resource storage(request.body.size() * 4);
  json::value document(&storage);
  const auto body = ParseBody(request, document);
  if (!body) return false;
  std::string at;
  auto call = ReadChatCall(context, router.get(), *body, request, at);
  if (!call) return false;
  return AssistantChat(context, std::move(router), request, *std::move(call)).AnswerAtOnce(responder);
}

}  // namespace

// A question whose answer is in memory is answered in less time than it takes to wake a worker.
bool IsQuickChat(const HttpRequest& request) {
  constexpr size_t kMostBytes = 4096;
  return request.body.size() <= kMostBytes;
}

void HandleChat(ApiContext& context, const HttpRequest& request, Responder& responder) {
  if (!IsQuickChat(request)) return AnswerChat(context, request, responder);
  if (AnswerChatAtOnce(context, request, responder)) return;
  responder.ContinueOnWorker([&context, &request](Responder& own) { AnswerChat(context, request, own); });
}

}  // namespace bantam
