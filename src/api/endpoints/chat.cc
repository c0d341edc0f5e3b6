// POST /v1/chat/completions, as OpenAI's clients send and read it. What we know beyond OpenAI's fields travels in the
// object `bantam` beside them: on the reply, and on the last chunk of a stream.
#include <boost/json/value_from.hpp>

#include <algorithm>

#include "api/decision_json.h"
#include "api/endpoints/chat_content.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/model_chat.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "api/work_done.h"
#include "base/text_util.h"
#include "route/budget_report.h"
#include "tasks/holds_text.h"

namespace bantam {
namespace {

constexpr int64_t kMaxChoices = 128;                // OpenAI's own limit; more than one is refused with a reason
constexpr double kMaxTokens = 1'000'000'000;        // far above any model's window, and still a number to read
constexpr double kMaxSeed = 9'007'199'254'740'991;  // 2^53 - 1: what every JSON reader keeps exactly

struct ChatCall {
  AssistantRequest request;
  bool stream = false;
  bool include_usage = false;
};

Result<std::vector<ChatMessage>> ParseMessages(const JsonObject& body, std::string& at) {
  at = "messages";
  BANTAM_TRY(const json::array* items, body.Array("messages"));
  if (items->empty()) return Err(ErrorCode::kInvalidArgument, "\"messages\" is empty");
  if (items->size() > kMaxMessages)
    return Err(ErrorCode::kInvalidArgument, "\"messages\" has {} entries, the limit is {}", items->size(),
               kMaxMessages);
  std::vector<ChatMessage> messages;
  bool has_user = false;
  for (size_t i = 0; i < items->size(); ++i) {
    at = fmt::format("messages[{}]", i);
    BANTAM_TRY(const JsonObject item, JsonObject::From((*items)[i], fmt::format("messages[{}]", i)));
    ChatMessage message;
    at = fmt::format("messages[{}].role", i);
    BANTAM_TRY(message.role, item.String("role"));
    if (!IsChatRole(message.role)) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"messages[{}].role\" must be system, developer, user, assistant or tool", i);
    }
    at = fmt::format("messages[{}].content", i);
    BANTAM_TRY(message.content, ContentText(item, i));
    has_user = has_user || message.role == "user";
    messages.push_back(std::move(message));
  }
  at = "messages";
  if (!has_user) return Err(ErrorCode::kInvalidArgument, "\"messages\" has no message with the role \"user\"");
  return messages;
}

// An empty question would be decided on the vector of nothing, which lies near whatever examples are short.
Status CheckQuestion(const Embedder& embedder, const std::vector<ChatMessage>& messages) {
  const auto is_user = [](const ChatMessage& message) { return message.role == "user"; };
  const auto last = std::find_if(messages.rbegin(), messages.rend(), is_user);
  if (last == messages.rend()) return Ok();  // refused before
  if (HoldsText(embedder.tokenizer(), last->content)) return Ok();
  return Err(ErrorCode::kInvalidArgument, "\"messages[{}].content\", the last message of the user, holds no text",
             std::distance(last, messages.rend()) - 1);
}

// Checks the range of what OpenAI defines, and passes it on to an upstream as it came. Anything else is ignored.
Result<json::object> ParseParameters(const JsonObject& body, std::string& at) {
  struct Range {
    const char* key;
    double minimum, maximum;
    bool integer;
  };
  static constexpr Range kRanges[] = {
      {"temperature", 0, 2, false},        {"top_p", 0, 1, false},
      {"presence_penalty", -2, 2, false},  {"frequency_penalty", -2, 2, false},
      {"max_tokens", 1, kMaxTokens, true}, {"max_completion_tokens", 1, kMaxTokens, true},
      {"seed", -kMaxSeed, kMaxSeed, true},
  };
  json::object passed;
  for (const Range& range : kRanges) {
    const json::value* value = body.Find(range.key);
    if (value == nullptr || value->is_null()) continue;
    at = range.key;
    if (range.integer) {
      BANTAM_RETURN_IF_ERROR(
          body.Int(range.key, static_cast<int64_t>(range.minimum), static_cast<int64_t>(range.maximum)));
    } else {
      BANTAM_RETURN_IF_ERROR(body.Number(range.key, range.minimum, range.maximum));
    }
    passed[range.key] = *value;
  }
  at = "n";
  BANTAM_TRY(const int64_t choices, body.IntOr("n", 1, 1, kMaxChoices));
  if (choices != 1)
    return Err(ErrorCode::kInvalidArgument, "\"n\" is {}, but one question gets one answer here: leave it out",
               choices);
  at = "stop";
  if (const json::value* stop = body.Find("stop"); stop != nullptr && !stop->is_null()) {
    if (!stop->is_string() && !stop->is_array())
      return Err(ErrorCode::kInvalidArgument, "\"stop\" must be a string or an array of strings");
    passed["stop"] = *stop;
  }
  struct Typed {
    const char* key;
    json::kind kind;
    const char* expected;
  };
  // Not `tools` and what belongs to them: a reply that calls one has no way back through us.
  static constexpr Typed kTyped[] = {
      {"response_format", json::kind::object, "an object {...}"}, {"logit_bias", json::kind::object, "an object {...}"},
      {"reasoning_effort", json::kind::string, "a string"},       {"verbosity", json::kind::string, "a string"},
      {"service_tier", json::kind::string, "a string"},           {"user", json::kind::string, "a string"},
      {"safety_identifier", json::kind::string, "a string"},      {"prompt_cache_key", json::kind::string, "a string"},
  };
  for (const Typed& typed : kTyped) {
    const json::value* value = body.Find(typed.key);
    if (value == nullptr || value->is_null()) continue;
    at = typed.key;
    if (value->kind() != typed.kind)
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected {}", typed.key,
                 EscapeForTerminal(ToJson(*value), 80), typed.expected);
    passed[typed.key] = *value;
  }
  return passed;
}

Result<ChatCall> Parse(const ApiContext& context, Router* router, const JsonObject& body, const HttpRequest& request,
                       std::string& at) {
  at = "model";
  BANTAM_TRY(const std::string model, body.String("model"));
  if (router == nullptr || !context.IsRouter(model)) return NoSuchAssistant(context, model);
  ChatCall call;
  BANTAM_TRY(call.request.messages, ParseMessages(body, at));
  BANTAM_TRY(call.request.upstream_parameters, ParseParameters(body, at));
  at = "stream";
  BANTAM_TRY(call.stream, body.BoolOr("stream", false));
  if (const json::value* options = body.Find("stream_options"); options != nullptr && options->is_object()) {
    at = "stream_options.include_usage";
    BANTAM_TRY(const JsonObject object, body.Object("stream_options"));
    BANTAM_TRY(call.include_usage, object.BoolOr("include_usage", false));
  }
  at = "metadata.session_id";
  if (const json::value* metadata = body.Find("metadata"); metadata != nullptr && metadata->is_object()) {
    BANTAM_TRY(const JsonObject object, body.Object("metadata"));
    BANTAM_TRY(call.request.session_id, object.StringOr("session_id", ""));
  }
  if (call.request.session_id.empty()) {
    at.clear();  // a header
    call.request.session_id = request.Header("x-bantam-session");
  }
  if (call.request.session_id.size() > 256)
    return Err(ErrorCode::kInvalidArgument, "the session id is longer than 256 bytes");
  // The caller's key, where there is one, keeps the answers of different callers apart.
  call.request.tenant = request.Header("authorization");
  call.request.no_store = request.Header("cache-control").find("no-store") != std::string_view::npos;
  call.request.request_id = request.request_id;
  BANTAM_TRY(call.request.deadline, DeadlineOf(context, request, at));
  call.request.stop = request.stop;
  // Last, because it is the dearest: a text without ASCII letters is tokenised for it.
  at = "messages";
  BANTAM_RETURN_IF_ERROR(CheckQuestion(router->embedder(), call.request.messages));
  return call;
}

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

json::object Describe(const AssistantAnswer& answer, const std::string& request_id) {
  json::object object = {
      {"route", answer.route.empty() ? json::value(nullptr) : json::value(answer.route)},
      {"confidence", answer.confidence},
      {"threshold", answer.threshold},
      {"p_correct", answer.p_correct ? json::value(*answer.p_correct) : json::value()},
      {"prediction_set", json::value_from(answer.prediction_set)},
      {"budget", BudgetJson(answer.budget)},
      {"calibration_id", CalibrationIdJson(answer.calibration_id)},
      {"source", AnswerSourceName(answer.source)},
      {"decision", DecisionKindName(answer.decision)},
      {"nearest", NearestJson(answer.nearest)},
      {"latency_ms", answer.latency_ms},
      {"request_id", request_id},
  };
  if (!answer.parts.empty()) {
    json::array parts;
    for (const AnsweredPart& part : answer.parts)
      parts.push_back({{"text", part.text}, {"route", part.route}, {"confidence", part.confidence}});
    object["parts"] = std::move(parts);
  }
  if (answer.exit_layer > 0) object["exit_layer"] = answer.exit_layer;
  if (answer.queued) object["queued"] = true;
  if (!answer.model.empty()) object["upstream_model"] = answer.model;
  if (answer.upstream_error) object["upstream_error"] = *answer.upstream_error;
  if (answer.form) {
    json::object slots;
    for (const auto& [name, value] : answer.form->slots) slots[name] = value;
    object["form"] = {{"name", answer.form->name},
                      {"state", answer.form->state},
                      {"slots", std::move(slots)},
                      {"missing", json::value_from(answer.form->missing)},
                      {"asked", answer.form->asked.empty() ? json::value() : json::value(answer.form->asked)}};
  }
  return object;
}

// For texts that no large model counted, by the encoder's tokenizer: microseconds for an answer of usual length.
int64_t CountTokens(const Embedder& embedder, std::string_view text) {
  return static_cast<int64_t>(embedder.tokenizer().Encode(text, {.add_special_tokens = false}).ids.size());
}

json::object Usage(const AssistantAnswer& answer) {
  return {{"prompt_tokens", answer.prompt_tokens},
          {"completion_tokens", answer.completion_tokens},
          {"total_tokens", answer.prompt_tokens + answer.completion_tokens}};
}

// Writes the events of one streamed reply. The head is sent with the first event, because only then it is known whether
// the answer came from the cache.
class ChunkWriter {
 public:
  ChunkWriter(Responder& responder, const WorkDone& work, std::string id, std::string model, bool include_usage)
      : responder_(responder),
        work_(work),
        id_(std::move(id)),
        model_(std::move(model)),
        created_(std::time(nullptr)),
        include_usage_(include_usage) {}

  bool Piece(std::string_view text, bool cache_hit) {
    if (!begun_) {
      begun_ = true;
      work_.TellCache(cache_hit);
      responder_.BeginStream({.status = 200,
                              .content_type = "text/event-stream; charset=utf-8",
                              .body = {},
                              .headers = {{"Cache-Control", "no-cache"}}});
      Event(Chunk({{"role", "assistant"}, {"content", ""}}, nullptr));
    }
    return text.empty() || Event(Chunk({{"content", text}}, nullptr));
  }
  void Finish(const AssistantAnswer& answer, json::object details) {
    json::object last = Chunk({}, json::value(answer.finish_reason));
    last["bantam"] = std::move(details);
    Event(std::move(last));
    if (include_usage_) {
      json::object usage = Chunk({}, nullptr);
      usage["choices"] = json::array();
      usage["usage"] = Usage(answer);
      Event(std::move(usage));
    }
    Done();
  }
  void Fail(const Error& error) {
    responder_.Write("data: " + ErrorBody(ApiFamily::kOpenAi, error) + "\n\n");
    Done();
  }
  bool begun() const { return begun_; }

 private:
  json::object Chunk(json::object delta, json::value finish_reason) const {
    json::object chunk = {{"id", json::string(id_)},
                          {"object", "chat.completion.chunk"},
                          {"created", created_},
                          {"model", json::string(model_)},
                          {"choices",
                           {{{"index", 0},
                             {"delta", std::move(delta)},
                             {"logprobs", nullptr},
                             {"finish_reason", std::move(finish_reason)}}}}};
    if (include_usage_) chunk["usage"] = nullptr;
    return chunk;
  }
  bool Event(json::object chunk) { return responder_.Write("data: " + ToJson(chunk) + "\n\n"); }
  void Done() {
    responder_.Write("data: [DONE]\n\n");
    responder_.End();
  }

  Responder& responder_;
  const WorkDone& work_;
  const std::string id_, model_;
  const int64_t created_;
  const bool include_usage_;
  bool begun_ = false;
};

}  // namespace

void HandleChat(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  json::value document;
  const auto body = ParseBody(request, document);
  if (!body) return responder.Send(OpenAiError(body.error(), at));
  const Result<bool> model_chat = IsModelChat(context, *body);
  if (!model_chat) return responder.Send(OpenAiError(model_chat.error(), "model"));
  if (*model_chat) return HandleModelChat(context, *body, request, responder);
  const std::shared_ptr<Router> router = context.router();
  auto call = Parse(context, router.get(), *body, request, at);
  if (!call) return responder.Send(OpenAiError(call.error(), at));
  const std::string id = "chatcmpl-" + request.request_id, model = router->file().name;
  const WorkDone work(request);
  work.TellModel(model, router->embedder().weights_sha256());
  ChunkWriter chunks(responder, work, id, model, call->include_usage);
  // The sink gets an upstream's text as it comes; local and cached answers arrive whole, with the answer.
  // Without a stream there is none: an answer that breaks off can then still be replaced by one that says so.
  DeltaSink sink;
  if (call->stream) sink = [&](std::string_view piece) { chunks.Piece(piece, false); };
  auto answer = router->Answer(call->request, sink);
  if (!answer) {
    if (chunks.begun()) return chunks.Fail(answer.error());
    return responder.Send(OpenAiError(answer.error()));
  }
  if (answer->source == AnswerSource::kLocalModel) context.metrics.CountLayers(answer->exit_layer);
  context.metrics.CountDecision(AnswerSourceName(answer->source), DecisionKindName(answer->decision),
                                answer->latency_ms);
  if (answer->completion_tokens == 0) answer->completion_tokens = CountTokens(router->embedder(), answer->text);
  json::object details = Describe(*answer, request.request_id);
  if (WasTruncated(router->embedder(), call->request, *answer)) details["truncated"] = true;
  if (call->stream) {
    if (!chunks.begun()) chunks.Piece(answer->text, answer->cache_hit);
    return chunks.Finish(*answer, std::move(details));
  }
  json::object message = {{"role", "assistant"}, {"content", answer->text}, {"refusal", nullptr}};
  json::object reply = {
      {"id", id},
      {"object", "chat.completion"},
      {"created", std::time(nullptr)},
      {"model", model},
      {"choices",
       {{{"index", 0},
         {"message", std::move(message)},
         {"logprobs", nullptr},
         {"finish_reason", answer->finish_reason}}}},
      {"usage", Usage(*answer)},
      {"bantam", std::move(details)},
  };
  work.TellCache(answer->cache_hit);
  responder.Send({.status = 200, .content_type = "application/json", .body = ToJson(reply), .headers = {}});
}

}  // namespace bantam
