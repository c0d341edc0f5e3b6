#include "route/chat_reply.h"

#include "base/text_util.h"

namespace bantam {
namespace {

// An answer longer than this is not one that a chat would show.
constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr JsonLimits kLimits{.max_depth = 32, .max_bytes = size_t{8} << 20};

std::string TextOf(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// An error inside an answer that began as a success.
void TakeError(const json::value& error, ChatReply& reply) {
  std::string kind, message;
  if (error.is_string()) message = error.get_string();
  if (error.is_object()) {
    message = TextOf(error.get_object(), "message");
    kind = TextOf(error.get_object(), "type") + " " + TextOf(error.get_object(), "code");
    const json::value* code = error.get_object().if_contains("code");
    if (code != nullptr && code->is_int64()) kind += std::to_string(code->get_int64());
  }
  const auto says = [&](std::string_view word) { return kind.find(word) != std::string::npos; };
  const bool overloaded = says("429") || says("rate_limit") || says("overloaded") || says("quota");
  reply.outcome = overloaded ? UpstreamOutcome::kOverloaded : UpstreamOutcome::kServerError;
  reply.problem = "reported an error in its answer";
  reply.detail = EscapeForTerminal(message, 300);
}

void TakeUsage(const json::object& document, ChatReply& reply) {
  const json::value* usage = document.if_contains("usage");
  if (usage == nullptr || !usage->is_object()) return;
  const auto count = [&](std::string_view key) -> std::optional<int64_t> {
    const json::value* value = usage->get_object().if_contains(key);
    if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
    return value->get_int64();
  };
  if (const auto tokens = count("prompt_tokens")) reply.prompt_tokens = tokens;
  if (const auto tokens = count("completion_tokens")) reply.completion_tokens = tokens;
}

// The text that one document adds: choices[0].delta.content of an event, choices[0].message.content of a whole reply.
// Sets the reply's outcome when the document is not one that an endpoint may send.
std::string TakeDocument(const json::value& document, std::string_view part, ChatReply& reply) {
  const auto garbage = [&](const char* problem) {
    reply.outcome = UpstreamOutcome::kGarbage;
    reply.problem = problem;
    return std::string();
  };
  if (!document.is_object()) return garbage("sent JSON that is not an object");
  const json::object& object = document.get_object();
  if (const json::value* error = object.if_contains("error"); error != nullptr && !error->is_null()) {
    TakeError(*error, reply);
    return {};
  }
  TakeUsage(object, reply);
  const json::value* choices = object.if_contains("choices");
  if (choices == nullptr || choices->is_null()) return {};  // an event about something else (usage, a gateway's own)
  if (!choices->is_array()) return garbage("sent \"choices\" that is not an array");
  std::string text;
  for (const json::value& choice : choices->get_array()) {
    if (!choice.is_object()) return garbage("sent a choice that is not an object");
    const json::object& fields = choice.get_object();
    const json::value* index = fields.if_contains("index");
    if (index != nullptr && index->is_int64() && index->get_int64() != 0) continue;  // one answer is asked for
    if (const std::string reason = TextOf(fields, "finish_reason"); !reason.empty()) reply.finish_reason = reason;
    const json::value* body = fields.if_contains(part);
    if (body == nullptr || body->is_null()) continue;
    if (!body->is_object()) return garbage("sent a choice without an object for its text");
    const json::value* content = body->get_object().if_contains("content");
    if (content == nullptr || content->is_null()) {
      text += TextOf(body->get_object(), "refusal");
    } else if (content->is_string()) {
      text += std::string_view(content->get_string());
    } else {
      return garbage("sent a text that is not a string");
    }
  }
  return text;
}

void CheckThereIsText(ChatReply& reply) {
  if (reply.outcome != UpstreamOutcome::kOk || !reply.text.empty()) return;
  reply.outcome = UpstreamOutcome::kGarbage;
  reply.problem =
      reply.finish_reason == "tool_calls" ? "asked for a tool, which is not passed on" : "answered without any text";
}

}  // namespace

ChatStream::ChatStream(const DeltaSink& sink)
    : sink_(sink), parser_([this](const SseEvent& event) { return OnEvent(event); }) {}

bool ChatStream::Fail(UpstreamOutcome outcome, std::string problem) {
  reply_.outcome = outcome;
  reply_.problem = std::move(problem);
  return false;
}

bool ChatStream::OnEvent(const SseEvent& event) {
  if (event.data == "[DONE]") {
    reply_.done = true;
    return false;
  }
  auto document = ParseJson(event.data, "event", kLimits);
  if (!document) {
    // At the very end it is the last event, cut off.
    if (finishing_) return Fail(UpstreamOutcome::kTruncated, "stopped in the middle of its answer");
    return Fail(UpstreamOutcome::kGarbage, "sent an event that is not JSON");
  }
  if (event.type == "error" && (!document->is_object() || !document->get_object().contains("error"))) {
    TakeError(*document, reply_);
    return false;
  }
  const std::string text = TakeDocument(*document, "delta", reply_);
  if (reply_.outcome != UpstreamOutcome::kOk) return false;
  if (text.size() > kMaxTextBytes - reply_.text.size()) {
    return Fail(UpstreamOutcome::kGarbage, fmt::format("sent an answer of more than {}", HumanBytes(kMaxTextBytes)));
  }
  if (!text.empty()) {
    reply_.text += text;
    if (sink_) sink_(text);
  }
  return true;
}

bool ChatStream::Feed(std::string_view piece) {
  bytes_ += piece.size();
  if (const Status fed = parser_.Feed(piece); !fed)
    return Fail(UpstreamOutcome::kGarbage, "sent an event of more than 1 MiB");
  return reply_.outcome == UpstreamOutcome::kOk && !reply_.done;
}

void ChatStream::Finish(bool complete) {
  if (reply_.outcome != UpstreamOutcome::kOk) return;
  finishing_ = true;
  if (!reply_.done && complete) {
    if (const Status rest = parser_.Finish(); !rest)
      Fail(UpstreamOutcome::kGarbage, "sent an event of more than 1 MiB");
    if (reply_.outcome != UpstreamOutcome::kOk) return;
  }
  if (reply_.done && !reply_.finish_reason.empty()) return CheckThereIsText(reply_);
  if (complete && bytes_ > 0 && parser_.num_events() == 0) {
    Fail(UpstreamOutcome::kGarbage, "sent an event stream without any event");
  } else {
    Fail(UpstreamOutcome::kTruncated, "stopped in the middle of its answer");
  }
}

ChatReply ParseChatReply(std::string_view body) {
  ChatReply reply;
  auto document = ParseJson(body, "answer", kLimits);
  if (!document) {
    reply.outcome = UpstreamOutcome::kGarbage;
    reply.problem = "sent an answer that is not JSON";
    return reply;
  }
  reply.text = TakeDocument(*document, "message", reply);
  reply.done = true;
  if (reply.finish_reason.empty())
    reply.finish_reason = "stop";  // one document cannot be cut; older servers leave it out
  CheckThereIsText(reply);
  return reply;
}

std::string ErrorMessageIn(std::string_view body) {
  const auto document = ParseJson(body, "error", kLimits);
  if (!document || !document->is_object()) return {};
  const json::value* error = document->get_object().if_contains("error");
  if (error == nullptr) return TextOf(document->get_object(), "message");
  if (error->is_string()) return std::string(error->get_string());
  return error->is_object() ? TextOf(error->get_object(), "message") : std::string();
}

}  // namespace bantam
