#include "route/upstream_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace bantam {
namespace {

// The prefixes by which other tools' route files name an OpenAI-compatible provider.
constexpr std::array<std::string_view, 16> kProviders = {
    "openai", "custom_openai", "openrouter", "ollama",      "ollama_chat", "groq",   "mistral",      "deepseek",
    "xai",    "together_ai",   "perplexity", "hosted_vllm", "lm_studio",   "gemini", "fireworks_ai", "litellm_proxy"};

// Ours, whatever the client asked for. `n`: one answer is passed on. Tools: there is nobody to run them.
constexpr std::array<std::string_view, 9> kNotPassedOn = {"model", "messages",    "stream",    "stream_options", "n",
                                                          "tools", "tool_choice", "functions", "function_call"};

}  // namespace

std::string_view WithoutProvider(std::string_view model) {
  const size_t slash = model.find('/');
  if (slash == std::string_view::npos || slash + 1 == model.size()) return model;
  const bool known = std::find(kProviders.begin(), kProviders.end(), model.substr(0, slash)) != kProviders.end();
  return known ? model.substr(slash + 1) : model;
}

std::string UpstreamBody(const UpstreamConfig& config, const AssistantRequest& request) {
  json::object body;
  body["model"] = config.model;
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
  return ToJson(body);
}

std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view value, int64_t wall_micros) {
  using std::chrono::milliseconds;
  double seconds = 0;
  const auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), seconds, std::chars_format::fixed);
  if (error == std::errc() && end == value.data() + value.size()) {
    if (!(seconds >= 0 && seconds <= 1e6)) return std::nullopt;
    return milliseconds(static_cast<int64_t>(seconds * 1000));
  }
  std::tm utc{};
  const std::string text(value);
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);  // the C locale: nobody sets another
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  const int64_t when = ::timegm(&utc);
  return milliseconds(std::max<int64_t>(0, when * 1000 - wall_micros / 1000));
}

int64_t EstimateTokens(std::string_view text) { return static_cast<int64_t>((text.size() + 3) / 4); }

int64_t EstimatePromptTokens(const AssistantRequest& request) {
  constexpr int64_t kPerMessage = 4;  // role and separators
  int64_t tokens = 0;
  for (const ChatMessage& message : request.messages) tokens += kPerMessage + EstimateTokens(message.content);
  return tokens;
}

bool Reveals(std::string_view text, std::string_view secret) {
  constexpr size_t kPart = 8;
  if (secret.empty()) return false;
  const size_t part = std::min(kPart, secret.size());
  for (size_t at = 0; at + part <= secret.size(); ++at) {
    if (text.find(secret.substr(at, part)) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace bantam
