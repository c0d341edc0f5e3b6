// Anthropic's /v1/messages. Instructions stand beside the messages, which are of "user" and "assistant" only; a stream
// is a sequence of typed events around blocks of content.
#include "route/dialects/dialect.h"

namespace bantam {
namespace {

HttpHeaders Headers(const std::string& api_key) {
  HttpHeaders headers = {{"anthropic-version", "2023-06-01"}};
  if (!api_key.empty()) headers.emplace_back("x-api-key", api_key);
  return headers;
}

// Messages of one role in a row become one, and empty ones are left out: the endpoint refuses those.
void AddMessages(const AssistantRequest& request, json::object& body) {
  std::string system;
  std::vector<ChatMessage> turns;
  for (const ChatMessage& message : request.messages) {
    if (message.content.empty()) continue;
    if (message.role == "system" || message.role == "developer") {
      system += (system.empty() ? "" : "\n\n") + message.content;
      continue;
    }
    const std::string role = message.role == "assistant" ? "assistant" : "user";
    if (!turns.empty() && turns.back().role == role) {
      turns.back().content += "\n\n" + message.content;
    } else {
      turns.push_back({role, message.content});
    }
  }
  if (!system.empty()) body["system"] = system;
  json::array messages;
  for (const ChatMessage& turn : turns) {
    messages.push_back(json::object{{"role", turn.role}, {"content", turn.content}});
  }
  body["messages"] = std::move(messages);
}

json::object Body(const UpstreamConfig& config, const AssistantRequest& request) {
  const json::object& parameters = request.upstream_parameters;
  json::object body;
  body["model"] = WithoutProvider(config.model);
  body["max_tokens"] = AnswerLimit(config, parameters);
  body["stream"] = true;
  AddMessages(request, body);
  if (const json::value* temperature = Present(parameters, "temperature"); temperature && temperature->is_number()) {
    body["temperature"] = std::min(1.0, temperature->to_number<double>());  // OpenAI's goes to 2
  }
  if (const json::value* top_p = Present(parameters, "top_p")) body["top_p"] = *top_p;
  if (const json::value* stop = Present(parameters, "stop")) {
    body["stop_sequences"] = stop->is_string() ? json::value(json::array{*stop}) : *stop;
  }
  return body;
}

std::string FinishReason(std::string_view stop_reason) {
  if (stop_reason == "max_tokens" || stop_reason == "model_context_window_exceeded") return "length";
  if (stop_reason == "tool_use") return "tool_calls";
  if (stop_reason == "refusal") return "content_filter";
  return stop_reason.empty() ? "" : "stop";  // end_turn, stop_sequence, pause_turn
}

const json::object* ObjectAt(const json::object& object, std::string_view key) {
  const json::value* value = Present(object, key);
  return value != nullptr && value->is_object() ? &value->get_object() : nullptr;
}

// What is read from a cache and written to it is of the prompt, too.
void TakeUsage(const json::object& object, ChatReply& reply) {
  const json::object* usage = ObjectAt(object, "usage");
  if (usage == nullptr) return;
  if (const auto input = CountAt(*usage, "input_tokens")) {
    reply.prompt_tokens = *input + CountAt(*usage, "cache_creation_input_tokens").value_or(0) +
                          CountAt(*usage, "cache_read_input_tokens").value_or(0);
    reply.cached_tokens = CountAt(*usage, "cache_read_input_tokens").value_or(0);
  }
  if (const auto output = CountAt(*usage, "output_tokens")) reply.completion_tokens = output;
}

class Stream final : public EventStream {
 public:
  using EventStream::EventStream;

 private:
  bool OnEvent(const SseEvent& event) override {
    const auto document = ParseReplyJson(event.data);
    if (!document) return FailUnreadable();
    if (!document->is_object()) return Fail(UpstreamOutcome::kGarbage, "sent JSON that is not an object");
    const json::object& object = document->get_object();
    const std::string type = TextAt(object, "type");
    if (type == "error") {
      const json::value* error = Present(object, "error");
      TakeError(error != nullptr ? *error : *document, reply_);
      return false;
    }
    if (type == "message_start") {
      if (const json::object* message = ObjectAt(object, "message")) TakeUsage(*message, reply_);
    } else if (type == "content_block_delta") {
      const json::object* delta = ObjectAt(object, "delta");
      if (delta == nullptr) return Fail(UpstreamOutcome::kGarbage, "sent a piece of text without its text");
      if (TextAt(*delta, "type") == "text_delta") return Add(TextAt(*delta, "text"));  // thinking is not passed on
    } else if (type == "message_delta") {
      TakeUsage(object, reply_);
      const json::object* delta = ObjectAt(object, "delta");
      if (delta != nullptr) reply_.finish_reason = FinishReason(TextAt(*delta, "stop_reason"));
    } else if (type == "message_stop") {
      reply_.done = true;
      return false;
    }  // content_block_start and _stop, ping, and what is added later: the documentation asks to pass over it
    return true;
  }
};

std::string TakeDocument(const json::value& document, ChatReply& reply) {
  const json::object* object = ReplyObject(document, reply);
  if (object == nullptr) return {};
  TakeUsage(*object, reply);
  reply.finish_reason = FinishReason(TextAt(*object, "stop_reason"));
  const json::value* content = Present(*object, "content");
  if (content == nullptr || !content->is_array()) return Garbage(reply, "sent an answer without \"content\"");
  std::string text;
  for (const json::value& block : content->get_array()) {
    if (block.is_object() && TextAt(block.get_object(), "type") == "text") text += TextAt(block.get_object(), "text");
  }
  return text;
}

}  // namespace

constinit const Dialect kAnthropicDialect = {
    .name = "anthropic",
    .path = "/v1/messages",
    .stream_type = "text/event-stream",
    .needs_max_tokens = true,
    .headers = &Headers,
    .body = &Body,
    .stream = [](const DeltaSink& sink) -> std::unique_ptr<ReplyStream> { return std::make_unique<Stream>(sink); },
    .document = &TakeDocument};

}  // namespace bantam
