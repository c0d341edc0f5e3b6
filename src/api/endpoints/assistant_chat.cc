#include "api/endpoints/assistant_chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/model_chat.h"
#include "api/endpoints/parse.h"
#include "api/work_done.h"
#include "route/router.h"
#include "tasks/holds_text.h"

namespace bantam {
namespace {

// -------------------------------------------------------------------------------------------------------- the request

constexpr size_t kMaxSessionBytes = 256;

const ChatMessage* LastOfUser(const std::vector<ChatMessage>& messages) {
  const auto is_user = [](const ChatMessage& message) { return message.role == "user"; };
  const auto last = std::find_if(messages.rbegin(), messages.rend(), is_user);
  return last == messages.rend() ? nullptr : &*last;
}

// An empty question would be decided on the vector of nothing, which lies near whatever examples are short.
Status CheckQuestion(const ChatApi& api, const Embedder& embedder, const AssistantRequest& request) {
  const ChatMessage* question = LastOfUser(request.messages);
  if (question == nullptr)
    return Err(ErrorCode::kInvalidArgument, "\"{}\" has no message with the role \"user\"", api.messages);
  if (HoldsText(embedder.tokenizer(), question->content)) return Ok();
  std::string place = api.messages;
  if (api.one_to_one) place += fmt::format("[{}].content", question - request.messages.data());
  return Err(ErrorCode::kInvalidArgument, "\"{}\": the last message of the user holds no text", place);
}

Result<AssistantCall> ReadCall(const ChatApi& api, const ApiContext& context, Router* router, const JsonObject& body,
                               const HttpRequest& http, std::string& at) {
  at = "model";
  BANTAM_TRY(const std::string model, body.String("model"));
  if (router == nullptr || !context.IsRouter(model)) return NoSuchAssistant(context, model);
  BANTAM_TRY(AssistantCall call, api.read(*router, body, at));
  BANTAM_RETURN_IF_ERROR(ReadWhoAsks(context, body, http, call.request, at));
  // Last, because it is the dearest: a text without ASCII letters is tokenised for it.
  at = api.messages;
  BANTAM_RETURN_IF_ERROR(CheckQuestion(api, router->embedder(), call.request));
  return call;
}

// ---------------------------------------------------------------------------------------------------------- the reply

// Whether the encoder decided on the beginning of the question only. A rule reads all of it.
bool WasTruncated(const Embedder& embedder, const AssistantRequest& request, const AssistantAnswer& answer) {
  if (answer.source == AnswerSource::kRule) return false;
  const ChatMessage* question = LastOfUser(request.messages);
  const auto limit = static_cast<size_t>(embedder.max_tokens());
  constexpr size_t kSpecialTokens = 2;
  // No token is shorter than a byte, so that most questions need not be tokenised once more.
  if (question == nullptr || question->content.size() + kSpecialTokens <= limit) return false;
  return embedder.tokenizer().Encode(question->content, {.max_tokens = limit}).truncated();
}

// What a model would have told of its text.
TextEnd EndOf(const AssistantAnswer& answer) {
  const FinishReason reason = answer.finish_reason == "length" ? FinishReason::kLength : FinishReason::kStop;
  TextEnd end{.reason = reason};
  end.summary = {.reason = reason,
                 .prompt_tokens = static_cast<int>(answer.prompt_tokens),
                 .generated_tokens = static_cast<int>(answer.completion_tokens)};
  return end;
}

// One call of the assistant, from the request to the reply.
class AssistantChat {
 public:
  AssistantChat(ApiContext& context, std::shared_ptr<Router> router, const HttpRequest& http, AssistantCall call)
      : context_(context), router_(std::move(router)), http_(http), call_(std::move(call)), work_(http) {}

  // False where that takes a worker; nothing is sent then. A stream does: it waits for a client that reads slowly.
  bool AnswerAtOnce(Responder& responder) {
    if (call_.stream) return false;
    const std::optional<AssistantAnswer> answer = router_->AnswerAtOnce(call_.request);
    if (!answer) return false;
    TellModel();
    Finish(*answer, *call_.writer(http_, responder));
    return true;
  }

  void Answer(Responder& responder) {
    TellModel();
    const std::unique_ptr<TextWriter> writer = call_.writer(http_, responder);
    // The sink gets an upstream's text as it comes; local and cached answers arrive whole, with the answer.
    // Without a stream there is none: an answer that breaks off can then still be replaced by one that says so.
    DeltaSink sink;
    if (call_.stream) sink = [&](std::string_view piece) { Add(piece, false, *writer); };
    const auto answer = router_->Answer(call_.request, sink);
    if (!answer) return writer->Fail(answer.error(), kRetryAfter);
    Finish(*answer, *writer);
  }

 private:
  static constexpr int kRetryAfter = 1;

  void TellModel() const { work_.TellModel(router_->file().name, router_->embedder().weights_sha256()); }

  void Add(std::string_view text, bool cache_hit, TextWriter& writer) {
    if (!std::exchange(added_, true)) work_.TellCache(cache_hit);
    writer.Add({.said = std::string(text)});
  }

  void Finish(const AssistantAnswer& answer, TextWriter& writer) {
    if (answer.source == AnswerSource::kLocalModel) context_.metrics.CountLayers(answer.exit_layer);
    context_.metrics.CountDecision(AnswerSourceName(answer.source), DecisionKindName(answer.decision),
                                   answer.latency_ms);
    work_.TellAnswer(answer.latency_ms, answer.cache_hit);
    if (!added_) Add(answer.text, answer.cache_hit, writer);
    writer.Finish({.end = EndOf(answer),
                   .assistant = &answer,
                   .truncated = WasTruncated(router_->embedder(), call_.request, answer)});
  }

  ApiContext& context_;
  const std::shared_ptr<Router> router_;
  const HttpRequest& http_;
  const AssistantCall call_;
  const WorkDone work_;
  bool added_ = false;  // something of the text
};

HttpReply Refusal(const ChatApi& api, const HttpRequest& http, const Error& error, std::string_view at) {
  return ErrorReply(api.family, error, at, 1, http.request_id);
}

// On a worker, for whatever may take longer than microseconds.
void AnswerOnWorker(const ChatApi& api, ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  json::value document;
  const auto body = ParseBody(http, document);
  if (!body) return responder.Send(Refusal(api, http, body.error(), at));
  const Result<bool> model_chat = IsModelChat(context, *body);
  if (!model_chat) return responder.Send(Refusal(api, http, model_chat.error(), "model"));
  if (*model_chat) return api.ask_model(context, *body, http, responder);
  std::shared_ptr<Router> router = context.router();
  auto call = ReadCall(api, context, router.get(), *body, http, at);
  if (!call) return responder.Send(Refusal(api, http, call.error(), at));
  AssistantChat(context, std::move(router), http, *std::move(call)).Answer(responder);
}

// On the I/O thread: false where it takes a worker. What is wrong with a request is told there, too.
bool AnswerAtOnce(const ChatApi& api, ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::shared_ptr<Router> router = context.router();
  if (router == nullptr) return false;
  json::monotonic_resource storage(http.body.size() * 4);
  json::value document(&storage);
  const auto body = ParseBody(http, document);
  if (!body) return false;
  std::string at;
  auto call = ReadCall(api, context, router.get(), *body, http, at);
  if (!call) return false;
  return AssistantChat(context, std::move(router), http, *std::move(call)).AnswerAtOnce(responder);
}

}  // namespace

Status ReadWhoAsks(const ApiContext& context, const JsonObject& body, const HttpRequest& http,
                   AssistantRequest& request, std::string& at) {
  at = "metadata.session_id";
  if (const json::value* metadata = body.Find("metadata"); metadata != nullptr && metadata->is_object()) {
    BANTAM_TRY(const JsonObject object, body.Object("metadata"));
    BANTAM_TRY(request.session_id, object.StringOr("session_id", ""));
  }
  if (request.session_id.empty()) {
    at.clear();  // a header
    request.session_id = http.Header("x-bantam-session");
  }
  if (request.session_id.size() > kMaxSessionBytes)
    return Err(ErrorCode::kInvalidArgument, "the session id is longer than {} bytes", kMaxSessionBytes);
  // The caller's key, where there is one, keeps the answers of different callers apart.
  request.tenant = CallerOf(http);
  request.no_store = http.Header("cache-control").find("no-store") != std::string_view::npos;
  request.request_id = http.request_id;
  BANTAM_TRY(request.deadline, DeadlineOf(context, http, at));
  request.stop = http.stop;
  return Ok();
}

// A question whose answer is in memory is answered in less time than it takes to wake a worker.
bool IsQuickChat(const HttpRequest& request) {
  constexpr size_t kMostBytes = 4096;
  return request.body.size() <= kMostBytes;
}

void AnswerChat(const ChatApi& api, ApiContext& context, const HttpRequest& http, Responder& responder) {
  if (!IsQuickChat(http)) return AnswerOnWorker(api, context, http, responder);
  if (AnswerAtOnce(api, context, http, responder)) return;
  responder.ContinueOnWorker([&api, &context, &http](Responder& own) { AnswerOnWorker(api, context, http, own); });
}

}  // namespace bantam
