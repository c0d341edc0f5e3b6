#include "api/endpoints/generate_json.h"

#include <algorithm>
#include <ctime>

#include "api/task_json.h"
#include "base/text_util.h"

namespace bantam {
namespace {

// A probability of zero has no logarithm that JSON knows; OpenAI's own server says this.
constexpr double kLeastLogprob = -9999;

double Finite(float logprob) { return std::max(ShortDouble(logprob), kLeastLogprob); }

size_t Characters(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

json::object TokenObject(const TokenBytes& bytes, int32_t id, float logprob) {
  const std::string raw = bytes.Of(id);
  json::array numbers;
  numbers.reserve(raw.size());
  for (const char byte : raw) numbers.emplace_back(static_cast<unsigned char>(byte));
  return {{"token", ReplaceInvalidUtf8(raw)}, {"logprob", Finite(logprob)}, {"bytes", std::move(numbers)}};
}

json::value OrNull(std::string_view text) { return text.empty() ? json::value(nullptr) : json::value(text); }

}  // namespace

GenerateJson::GenerateJson(const GenerateRequest& request, std::string id)
    : request_(request),
      id_(std::move(id)),
      created_(std::time(nullptr)),
      bytes_(request.model->generator->tokenizer()),
      told_bytes_(static_cast<size_t>(request.num_choices())),
      told_characters_(static_cast<size_t>(request.num_choices())) {
  for (size_t i = 0; i < told_characters_.size(); ++i) {
    if (!request.echo.empty()) told_characters_[i] = Characters(request.echo[i / static_cast<size_t>(request.n)]);
  }
}

json::object GenerateJson::ChatLogprobs(std::span<const TokenChoice> tokens) const {
  json::array content;
  for (const TokenChoice& token : tokens) {
    json::object object = TokenObject(bytes_, token.id, token.logprob);
    json::array top;
    for (const TokenLogprob& other : token.top) top.push_back(TokenObject(bytes_, other.id, other.logprob));
    object["top_logprobs"] = std::move(top);
    content.push_back(std::move(object));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

// Tokens that are not whole characters share a name here, as they do in OpenAI's replies: "bytes:\xE2".
json::object GenerateJson::TextLogprobs(int index, std::span<const TokenChoice> tokens) {
  const auto name = [&](int32_t id) {
    const std::string raw = bytes_.Of(id);
    if (!FirstInvalidUtf8(raw)) return raw;
    std::string out = "bytes:";
    for (const char byte : raw) out += fmt::format("\\x{:02X}", static_cast<unsigned char>(byte));
    return out;
  };
  size_t& offset = told_characters_[static_cast<size_t>(index)];
  json::array texts, logprobs, tops, offsets;
  for (const TokenChoice& token : tokens) {
    texts.emplace_back(name(token.id));
    logprobs.emplace_back(Finite(token.logprob));
    json::object top;
    for (const TokenLogprob& other : token.top) top[name(other.id)] = Finite(other.logprob);
    tops.push_back(std::move(top));
    offsets.emplace_back(offset);
    offset += Characters(bytes_.Of(token.id));
  }
  return {{"text_offset", std::move(offsets)},
          {"token_logprobs", std::move(logprobs)},
          {"tokens", std::move(texts)},
          {"top_logprobs", request_.top_logprobs == 0 ? json::value(nullptr) : json::value(std::move(tops))}};
}

json::value GenerateJson::Logprobs(int index, std::span<const TokenChoice> tokens) {
  if (!request_.logprobs) return nullptr;
  json::value out = request_.chat ? ChatLogprobs(tokens) : TextLogprobs(index, tokens);
  size_t& told = told_bytes_[static_cast<size_t>(index)];
  for (const TokenChoice& token : tokens) told += bytes_.Of(token.id).size();
  return out;
}

// Tokenizers that put a space before each word drop that of the first one when a text begins.
size_t GenerateJson::DroppedBytes(const TokenChoice& first, std::string_view text) const {
  return !text.empty() && !text.starts_with(' ') && bytes_.Of(first.id).starts_with(' ') ? 1 : 0;
}

size_t GenerateJson::TokensWithin(int index, std::span<const TokenChoice> tokens, size_t text_bytes) const {
  std::vector<size_t> begins;
  size_t at = told_bytes_[static_cast<size_t>(index)];
  for (const TokenChoice& token : tokens) {
    begins.push_back(at);
    at += bytes_.Of(token.id).size();
  }
  size_t count = tokens.size();
  while (count > 0 && begins[count - 1] >= text_bytes) --count;
  return count;
}

json::object GenerateJson::Choice(int index, const std::string& text, std::span<const TokenChoice> tokens,
                                  std::string_view finish_reason) {
  json::object choice{{"index", index}};
  if (request_.chat) {
    choice["message"] = json::object{{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
  } else {
    choice["text"] = text;
  }
  choice["logprobs"] = Logprobs(index, tokens);
  choice["finish_reason"] = OrNull(finish_reason);
  return choice;
}

json::object GenerateJson::Delta(int index, const std::string& text, std::span<const TokenChoice> tokens,
                                 std::string_view finish_reason) {
  json::object choice{{"index", index}};
  if (request_.chat) {
    json::object delta;
    if (!text.empty()) delta["content"] = text;
    choice["delta"] = std::move(delta);
  } else {
    choice["text"] = text;
  }
  choice["logprobs"] = tokens.empty() ? json::value(nullptr) : Logprobs(index, tokens);
  choice["finish_reason"] = OrNull(finish_reason);
  return choice;
}

json::object GenerateJson::RoleDelta(int index) const {
  return {{"index", index},
          {"delta", json::object{{"role", "assistant"}, {"content", ""}}},
          {"logprobs", nullptr},
          {"finish_reason", nullptr}};
}

json::object GenerateJson::Envelope(json::array choices, json::value usage) const {
  const char* object = !request_.chat    ? "text_completion"
                       : request_.stream ? "chat.completion.chunk"
                                         : "chat.completion";
  json::object out{{"id", id_},
                   {"object", object},
                   {"created", created_},
                   {"model", request_.model->name},
                   {"choices", std::move(choices)}};
  if (!request_.stream || request_.include_usage) out["usage"] = std::move(usage);
  return out;
}

json::object GenerateJson::Usage(int64_t prompt_tokens, int64_t cached_tokens, int64_t text_tokens) const {
  return {{"prompt_tokens", prompt_tokens},
          {"completion_tokens", text_tokens},
          {"total_tokens", prompt_tokens + text_tokens},
          {"prompt_tokens_details", json::object{{"cached_tokens", cached_tokens}}}};
}

}  // namespace bantam
