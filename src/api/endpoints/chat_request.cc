#include "api/endpoints/chat_request.h"

#include <algorithm>

#include "api/endpoints/chat_content.h"
#include "api/endpoints/parse.h"
#include "base/text_util.h"
#include "route/router.h"
#include "tasks/holds_text.h"

namespace bantam {
namespace {

constexpr int64_t kMaxChoices = 128;                // OpenAI's own limit; more than one is refused with a reason
constexpr double kMaxTokens = 1'000'000'000;        // far above any model's window, and still a number to read
constexpr double kMaxSeed = 9'007'199'254'740'991;  // 2^53 - 1: what every JSON reader keeps exactly

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

}  // namespace

Result<ChatCall> ReadChatCall(const ApiContext& context, Router* router, const JsonObject& body,
                              const HttpRequest& request, std::string& at) {
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

}  // namespace bantam
