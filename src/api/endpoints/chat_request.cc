#include "api/endpoints/chat_request.h"

#include <fmt/format.h>

#include <ctime>

#include "api/endpoints/chat_content.h"
#include "api/endpoints/chat_reply.h"
#include "base/text_util.h"
#include "route/router.h"

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
    messages.push_back(std::move(message));
  }
  return messages;
}

}  // namespace

Status PassNumbers(const JsonObject& body, json::object& passed, std::string& at) {
  struct Field {
    const char* key;
    double minimum, maximum;
    bool integer;
  };
  static constexpr Field kFields[] = {
      {"temperature", 0, 2, false},        {"top_p", 0, 1, false},
      {"presence_penalty", -2, 2, false},  {"frequency_penalty", -2, 2, false},
      {"max_tokens", 1, kMaxTokens, true}, {"max_completion_tokens", 1, kMaxTokens, true},
      {"seed", -kMaxSeed, kMaxSeed, true},
  };
  for (const Field& field : kFields) {
    const json::value* value = body.Find(field.key);
    if (value == nullptr || value->is_null()) continue;
    at = field.key;
    if (field.integer) {
      BANTAM_RETURN_IF_ERROR(
          body.Int(field.key, static_cast<int64_t>(field.minimum), static_cast<int64_t>(field.maximum)));
    } else {
      BANTAM_RETURN_IF_ERROR(body.Number(field.key, field.minimum, field.maximum));
    }
    passed[field.key] = *value;
  }
  return Ok();
}

Status PassSettings(const JsonObject& body, json::object& passed, std::string& at) {
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
  return Ok();
}

Result<AssistantCall> ReadChatCall(Router& router, const JsonObject& body, std::string& at) {
  AssistantCall call;
  BANTAM_TRY(call.request.messages, ParseMessages(body, at));
  json::object& passed = call.request.upstream_parameters;
  BANTAM_RETURN_IF_ERROR(PassNumbers(body, passed, at));
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
  BANTAM_RETURN_IF_ERROR(PassSettings(body, passed, at));
  ChatDelivery delivery;
  at = "stream";
  BANTAM_TRY(delivery.stream, body.BoolOr("stream", false));
  if (const json::value* options = body.Find("stream_options"); options != nullptr && options->is_object()) {
    at = "stream_options.include_usage";
    BANTAM_TRY(const JsonObject object, body.Object("stream_options"));
    BANTAM_TRY(delivery.include_usage, object.BoolOr("include_usage", false));
  }
  call.stream = delivery.stream;
  call.writer = [delivery, model = router.file().name](const HttpRequest& http, Responder& responder) {
    return NewChatWriter(responder, {http.request_id, model, std::time(nullptr)}, delivery);
  };
  return call;
}

}  // namespace bantam
