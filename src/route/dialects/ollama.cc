// Ollama's own /api/chat: parameters under "options", an answer of one JSON document a line.
#include <array>

#include "route/dialects/dialect.h"

namespace bantam {
namespace {

constexpr size_t kMaxLineBytes = size_t{1} << 20;

HttpHeaders Headers(const std::string& api_key) {
  if (api_key.empty()) return {};  // a proxy before it may want one
  return {{"Authorization", "Bearer " + api_key}};
}

json::object Body(const UpstreamConfig& config, const AssistantRequest& request) {
  const json::object& parameters = request.upstream_parameters;
  json::object body;
  body["model"] = WithoutProvider(config.model);
  json::array messages;
  for (const ChatMessage& message : request.messages) {
    // "developer" is OpenAI's new word.
    messages.push_back(
        json::object{{"role", message.role == "developer" ? "system" : message.role}, {"content", message.content}});
  }
  body["messages"] = std::move(messages);
  body["stream"] = true;
  json::object options;
  for (const char* key : {"temperature", "top_p", "presence_penalty", "frequency_penalty", "seed"}) {
    if (const json::value* value = Present(parameters, key)) options[key] = *value;
  }
  if (const json::value* stop = Present(parameters, "stop")) {
    options["stop"] = stop->is_string() ? json::value(json::array{*stop}) : *stop;
  }
  if (const int64_t limit = AnswerLimit(config, parameters); limit > 0) options["num_predict"] = limit;
  if (!options.empty()) body["options"] = std::move(options);
  if (const json::value* format = Present(parameters, "response_format"); format && format->is_object()) {
    const json::value* schema = Present(format->get_object(), "json_schema");
    if (schema != nullptr && schema->is_object()) schema = Present(schema->get_object(), "schema");
    if (schema != nullptr) {
      body["format"] = *schema;
    } else if (TextAt(format->get_object(), "type") == "json_object") {
      body["format"] = "json";
    }
  }
  return body;
}

// The text that a line, or a whole answer, adds.
std::string TakeDocument(const json::value& document, ChatReply& reply) {
  const json::object* object = ReplyObject(document, reply);
  if (object == nullptr) return {};
  if (const auto tokens = CountAt(*object, "prompt_eval_count")) reply.prompt_tokens = tokens;
  if (const auto tokens = CountAt(*object, "eval_count")) reply.completion_tokens = tokens;
  const json::value* done = object->if_contains("done");
  if (done != nullptr && done->is_bool() && done->get_bool()) {
    reply.done = true;
    reply.finish_reason = TextAt(*object, "done_reason") == "length" ? "length" : "stop";
  }
  const json::value* message = Present(*object, "message");
  return message != nullptr && message->is_object() ? TextAt(message->get_object(), "content") : std::string();
}

class Stream final : public ReplyStream {
 public:
  using ReplyStream::ReplyStream;

  bool Feed(std::string_view piece) override {
    NoteFed(piece);
    bool more = true;
    while (more && !piece.empty()) {
      const size_t end = piece.find('\n');
      const std::string_view part = piece.substr(0, end);
      if (part.size() > kMaxLineBytes - line_.size())
        return Fail(UpstreamOutcome::kGarbage, "sent a line of more than 1 MiB");
      line_ += part;
      if (end == std::string_view::npos) break;
      piece.remove_prefix(end + 1);
      more = OnLine(std::exchange(line_, {}));
    }
    return more;
  }

 private:
  bool OnLine(const std::string& line) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) return true;
    const auto document = ParseReplyJson(line);
    if (!document) return FailUnreadable();
    saw_document_ = true;
    const std::string text = TakeDocument(*document, reply_);
    return reply_.outcome == UpstreamOutcome::kOk && Add(text) && !reply_.done;
  }
  void Flush() override { OnLine(std::exchange(line_, {})); }
  bool saw_anything() const override { return saw_document_; }

  std::string line_;  // the beginning of one whose end has not come
  bool saw_document_ = false;
};

}  // namespace

constinit const Dialect kOllamaDialect = {
    .name = "ollama",
    .path = "/api/chat",
    .stream_type = "application/x-ndjson",
    .needs_max_tokens = false,
    .headers = &Headers,
    .body = &Body,
    .stream = [](const DeltaSink& sink) -> std::unique_ptr<ReplyStream> { return std::make_unique<Stream>(sink); },
    .document = &TakeDocument};

}  // namespace bantam
