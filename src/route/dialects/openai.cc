// OpenAI's /chat/completions, which most servers speak.
#include <algorithm>
#include <array>

#include "route/dialects/dialect.h"

namespace bantam {
namespace {

// Ours, whatever the client asked for. `n`: one answer is passed on. Tools: there is nobody to run them.
constexpr std::array<std::string_view, 9> kNotPassedOn = {"model", "messages",    "stream",    "stream_options", "n",
                                                          "tools", "tool_choice", "functions", "function_call"};

HttpHeaders Headers(const std::string& api_key) {
  if (api_key.empty()) return {};
  return {{"Authorization", "Bearer " + api_key}};
}

json::object Body(const UpstreamConfig& config, const AssistantRequest& request) {
  json::object body;
  body["model"] = WithoutProvider(config.model);
  json::array messages;
  for (const ChatMessage& message : request.messages) {
    messages.push_back(json::object{{"role", message.role}, {"content", message.content}});
  }
  body["messages"] = std::move(messages);
  body["stream"] = true;
  body["stream_options"] = json::object{{"include_usage", true}};
  for (const auto& [key, value] : request.upstream_parameters) {
    if (std::find(kNotPassedOn.begin(), kNotPassedOn.end(), std::string_view(key)) == kNotPassedOn.end())
      body[key] = value;
  }
  // Newer models know the second word only, older servers the first: whichever the client used.
  if (config.max_tokens > 0) {
    const int64_t limit = AnswerLimit(config, request.upstream_parameters);
    for (const char* key : {"max_tokens", "max_completion_tokens"}) {
      if (body.contains(key)) body[key] = limit;
    }
    if (!body.contains("max_completion_tokens")) body["max_tokens"] = limit;
  }
  return body;
}

void TakeUsage(const json::object& document, ChatReply& reply) {
  const json::value* usage = document.if_contains("usage");
  if (usage == nullptr || !usage->is_object()) return;
  if (const auto tokens = CountAt(usage->get_object(), "prompt_tokens")) reply.prompt_tokens = tokens;
  if (const auto tokens = CountAt(usage->get_object(), "completion_tokens")) reply.completion_tokens = tokens;
  const json::value* details = Present(usage->get_object(), "prompt_tokens_details");
  if (details != nullptr && details->is_object())
    reply.cached_tokens = CountAt(details->get_object(), "cached_tokens").value_or(0);
}

// The text that one document adds: choices[0].delta.content of an event, choices[0].message.content of a whole reply.
// Sets the reply's outcome when the document is not one that an endpoint may send.
std::string TakeDocument(const json::value& document, std::string_view part, ChatReply& reply) {
  const json::object* object = ReplyObject(document, reply);
  if (object == nullptr) return {};
  TakeUsage(*object, reply);
  const json::value* choices = Present(*object, "choices");
  if (choices == nullptr) return {};  // an event about something else (usage, a gateway's own)
  if (!choices->is_array()) return Garbage(reply, "sent \"choices\" that is not an array");
  std::string text;
  for (const json::value& choice : choices->get_array()) {
    if (!choice.is_object()) return Garbage(reply, "sent a choice that is not an object");
    const json::object& fields = choice.get_object();
    const json::value* index = fields.if_contains("index");
    if (index != nullptr && index->is_int64() && index->get_int64() != 0) continue;  // one answer is asked for
    if (const std::string reason = TextAt(fields, "finish_reason"); !reason.empty()) reply.finish_reason = reason;
    const json::value* body = Present(fields, part);
    if (body == nullptr) continue;
    if (!body->is_object()) return Garbage(reply, "sent a choice without an object for its text");
    const json::value* content = Present(body->get_object(), "content");
    if (content == nullptr) {
      text += TextAt(body->get_object(), "refusal");
    } else if (content->is_string()) {
      text += std::string_view(content->get_string());
    } else {
      return Garbage(reply, "sent a text that is not a string");
    }
  }
  return text;
}

class Stream final : public EventStream {
 public:
  using EventStream::EventStream;

 private:
  bool OnEvent(const SseEvent& event) override {
    if (event.data == "[DONE]") {
      reply_.done = true;
      return false;
    }
    const auto document = ParseReplyJson(event.data);
    if (!document) return FailUnreadable();
    if (event.type == "error" && (!document->is_object() || !document->get_object().contains("error"))) {
      TakeError(*document, reply_);
      return false;
    }
    const std::string text = TakeDocument(*document, "delta", reply_);
    return reply_.outcome == UpstreamOutcome::kOk && Add(text);
  }
};

}  // namespace

constinit const Dialect kOpenAiDialect = {
    .name = "openai",
    .path = "/chat/completions",
    .stream_type = "text/event-stream",
    .needs_max_tokens = false,
    .headers = &Headers,
    .body = &Body,
    .stream = [](const DeltaSink& sink) -> std::unique_ptr<ReplyStream> { return std::make_unique<Stream>(sink); },
    .document = [](const json::value& document, ChatReply& reply) { return TakeDocument(document, "message", reply); }};

}  // namespace bantam
