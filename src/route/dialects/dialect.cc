#include "route/dialects/dialect.h"

#include <algorithm>
#include <array>

#include "base/text_util.h"

namespace bantam {
namespace {

// An answer longer than this is not one that a chat would show.
constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr JsonLimits kLimits{.max_depth = 32, .max_bytes = size_t{8} << 20};

struct Provider {
  std::string_view prefix;
  const Dialect& dialect;
};
// The prefixes by which other tools' route files name a provider.
constexpr std::array kProviders = {
    Provider{"anthropic", kAnthropicDialect},  Provider{"ollama", kOllamaDialect},
    Provider{"ollama_chat", kOllamaDialect},   Provider{"openai", kOpenAiDialect},
    Provider{"custom_openai", kOpenAiDialect}, Provider{"openrouter", kOpenAiDialect},
    Provider{"groq", kOpenAiDialect},          Provider{"mistral", kOpenAiDialect},
    Provider{"deepseek", kOpenAiDialect},      Provider{"xai", kOpenAiDialect},
    Provider{"together_ai", kOpenAiDialect},   Provider{"perplexity", kOpenAiDialect},
    Provider{"hosted_vllm", kOpenAiDialect},   Provider{"lm_studio", kOpenAiDialect},
    Provider{"gemini", kOpenAiDialect},        Provider{"fireworks_ai", kOpenAiDialect},
    Provider{"litellm_proxy", kOpenAiDialect},
};

const Provider* ProviderOf(std::string_view model) {
  const size_t slash = model.find('/');
  if (slash == std::string_view::npos || slash + 1 == model.size()) return nullptr;
  const auto found = std::ranges::find(kProviders, model.substr(0, slash), &Provider::prefix);
  return found == kProviders.end() ? nullptr : &*found;
}

void CheckThereIsText(ChatReply& reply) {
  if (reply.outcome != UpstreamOutcome::kOk || !reply.text.empty()) return;
  reply.outcome = UpstreamOutcome::kGarbage;
  reply.problem =
      reply.finish_reason == "tool_calls" ? "asked for a tool, which is not passed on" : "answered without any text";
}

}  // namespace

const Dialect& DialectOf(std::string_view model) {
  const Provider* provider = ProviderOf(model);
  return provider == nullptr ? kOpenAiDialect : provider->dialect;
}

std::string_view WithoutProvider(std::string_view model) {
  const Provider* provider = ProviderOf(model);
  return provider == nullptr ? model : model.substr(provider->prefix.size() + 1);
}

bool ReplyStream::Fail(UpstreamOutcome outcome, std::string problem) {
  reply_.outcome = outcome;
  reply_.problem = std::move(problem);
  return false;
}

bool ReplyStream::FailUnreadable() {
  // At the very end it is the last piece, cut off.
  if (finishing_) return Fail(UpstreamOutcome::kTruncated, "stopped in the middle of its answer");
  return Fail(UpstreamOutcome::kGarbage, "sent an event that is not JSON");
}

bool ReplyStream::Add(std::string_view text) {
  if (text.size() > kMaxTextBytes - reply_.text.size()) {
    return Fail(UpstreamOutcome::kGarbage, fmt::format("sent an answer of more than {}", HumanBytes(kMaxTextBytes)));
  }
  if (!text.empty()) {
    reply_.text += text;
    if (sink_) sink_(text);
  }
  return true;
}

void ReplyStream::Finish(bool complete) {
  if (reply_.outcome != UpstreamOutcome::kOk) return;
  finishing_ = true;
  if (!reply_.done && complete) {
    Flush();
    if (reply_.outcome != UpstreamOutcome::kOk) return;
  }
  if (reply_.done && !reply_.finish_reason.empty()) return CheckThereIsText(reply_);
  if (complete && fed_ && !saw_anything()) {
    Fail(UpstreamOutcome::kGarbage, "sent an event stream without any event");
  } else {
    Fail(UpstreamOutcome::kTruncated, "stopped in the middle of its answer");
  }
}

bool EventStream::Feed(std::string_view piece) {
  NoteFed(piece);
  if (const Status fed = parser_.Feed(piece); !fed)
    return Fail(UpstreamOutcome::kGarbage, "sent an event of more than 1 MiB");
  return reply_.outcome == UpstreamOutcome::kOk && !reply_.done;
}

void EventStream::Flush() {
  if (const Status rest = parser_.Finish(); !rest) Fail(UpstreamOutcome::kGarbage, "sent an event of more than 1 MiB");
}

ChatReply ReadDocument(const Dialect& dialect, std::string_view body) {
  ChatReply reply;
  auto document = ParseReplyJson(body);
  if (!document) {
    reply.outcome = UpstreamOutcome::kGarbage;
    reply.problem = "sent an answer that is not JSON";
    return reply;
  }
  reply.text = dialect.document(*document, reply);
  reply.done = true;
  if (reply.finish_reason.empty())
    reply.finish_reason = "stop";  // one document cannot be cut; older servers leave it out
  CheckThereIsText(reply);
  return reply;
}

std::string ErrorMessageIn(std::string_view body) {
  const auto document = ParseReplyJson(body);
  if (!document || !document->is_object()) return {};
  const json::value* error = Present(document->get_object(), "error");
  if (error == nullptr) return TextAt(document->get_object(), "message");
  if (error->is_string()) return std::string(error->get_string());
  return error->is_object() ? TextAt(error->get_object(), "message") : std::string();
}

int64_t AnswerLimit(const UpstreamConfig& config, const json::object& parameters) {
  int64_t limit = config.max_tokens;
  for (const char* key : {"max_tokens", "max_completion_tokens"}) {
    if (const auto wish = CountAt(parameters, key)) limit = limit == 0 ? *wish : std::min(limit, *wish);
  }
  return limit;
}

const json::value* Present(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string TextAt(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<int64_t> CountAt(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
  return value->get_int64();
}

Result<json::value> ParseReplyJson(std::string_view text) { return ParseJson(text, "reply", kLimits); }

std::string Garbage(ChatReply& reply, std::string problem) {
  reply.outcome = UpstreamOutcome::kGarbage;
  reply.problem = std::move(problem);
  return {};
}

const json::object* ReplyObject(const json::value& document, ChatReply& reply) {
  if (!document.is_object()) {
    Garbage(reply, "sent JSON that is not an object");
    return nullptr;
  }
  const json::object& object = document.get_object();
  if (const json::value* error = Present(object, "error")) {
    TakeError(*error, reply);
    return nullptr;
  }
  return &object;
}

void TakeError(const json::value& error, ChatReply& reply) {
  std::string kind, message;
  if (error.is_string()) message = error.get_string();
  if (error.is_object()) {
    message = TextAt(error.get_object(), "message");
    kind = TextAt(error.get_object(), "type") + " " + TextAt(error.get_object(), "code");
    if (const auto code = CountAt(error.get_object(), "code")) kind += std::to_string(*code);
  }
  const auto says = [&](std::string_view word) { return kind.find(word) != std::string::npos; };
  const bool overloaded = says("429") || says("rate_limit") || says("overloaded") || says("quota");
  reply.outcome = overloaded ? UpstreamOutcome::kOverloaded : UpstreamOutcome::kServerError;
  reply.problem = "reported an error in its answer";
  reply.detail = EscapeForTerminal(message, 300);
}

}  // namespace bantam
