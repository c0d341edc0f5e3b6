#include "api/endpoints/generate_json.h"

#include <algorithm>
#include <array>
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

// "tool_calls" of a message.
json::array ToolCalls(std::span<const CalledFunction> calls) {
  json::array out;
  for (const CalledFunction& call : calls) {
    out.push_back(json::object{{"id", call.id},
                               {"type", "function"},
                               {"function", json::object{{"name", call.name}, {"arguments", call.arguments}}}});
  }
  return out;
}

// The same of a delta.
json::array ToolCallDeltas(std::span<const CallPiece> pieces) {
  json::array out;
  for (const CallPiece& piece : pieces) {
    json::object delta{{"index", piece.index}};
    json::object function;
    if (!piece.name.empty()) {
      delta["id"] = piece.id;
      delta["type"] = "function";
      function["name"] = piece.name;
    }
    function["arguments"] = piece.arguments;
    delta["function"] = std::move(function);
    out.push_back(std::move(delta));
  }
  return out;
}

json::value OrNull(std::string_view text) { return text.empty() ? json::value(nullptr) : json::value(text); }

}  // namespace

json::array TokenLogprobs(const TokenBytes& bytes, std::span<const TokenChoice> tokens) {
  json::array content;
  for (const TokenChoice& token : tokens) {
    json::object object = TokenObject(bytes, token.id, token.logprob);
    json::array top;
    for (const TokenLogprob& other : token.top) top.push_back(TokenObject(bytes, other.id, other.logprob));
    object["top_logprobs"] = std::move(top);
    content.push_back(std::move(object));
  }
  return content;
}

GenerateJson::GenerateJson(const GenerateRequest& request, std::string id)
    : request_(request),
      id_(std::move(id)),
      created_(std::time(nullptr)),
      bytes_(request.model->generator->tokenizer()),
      told_bytes_(static_cast<size_t>(request.num_choices())),
      told_characters_(static_cast<size_t>(request.num_choices())),
      prompts_(request.calls.size()),
      told_prompt_(static_cast<size_t>(request.num_choices())) {
  for (size_t i = 0; i < told_characters_.size(); ++i) {
    if (!request.echo.empty() && !request.prompt_logprobs)
      told_characters_[i] = Characters(request.echo[i / static_cast<size_t>(request.n)]);
  }
}

json::object GenerateJson::ChatLogprobs(std::span<const TokenChoice> tokens) const {
  return {{"content", TokenLogprobs(bytes_, tokens)}, {"refusal", nullptr}};
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
  const auto tell = [&](const TokenChoice& token, bool has_logprob) {
    texts.emplace_back(name(token.id));
    logprobs.push_back(has_logprob ? json::value(Finite(token.logprob)) : json::value(nullptr));
    json::object top;
    for (const TokenLogprob& other : token.top) top[name(other.id)] = Finite(other.logprob);
    tops.push_back(has_logprob ? json::value(std::move(top)) : json::value(nullptr));
    offsets.emplace_back(offset);
  };
  if (OwesPrompt(index)) {
    told_prompt_[static_cast<size_t>(index)] = true;
    const auto call = static_cast<size_t>(index / request_.n);
    const std::string& echo = request_.echo[call];
    std::string_view left = echo;
    bool first = true;
    for (const TokenChoice& token : prompts_[call]) {
      tell(token, !std::exchange(first, false));
      const size_t shown = ShownOf(token.id, left);
      offset += Characters(left.substr(0, shown));
      left.remove_prefix(shown);
    }
    offset = Characters(echo);
  }
  for (const TokenChoice& token : tokens) {
    tell(token, true);
    offset += Characters(bytes_.Of(token.id));
  }
  return {{"text_offset", std::move(offsets)},
          {"token_logprobs", std::move(logprobs)},
          {"tokens", std::move(texts)},
          {"top_logprobs", request_.top_logprobs == 0 ? json::value(nullptr) : json::value(std::move(tops))}};
}

// How many bytes of what is left of a prompt are those of its next token: none of a token that was put in front, all
// but the space of one that tokenizers add.
size_t GenerateJson::ShownOf(int32_t id, std::string_view left) const {
  const std::string bytes = bytes_.Of(id);
  const std::string_view spaceless = std::string_view(bytes).substr(bytes.starts_with(' ') ? 1 : 0);
  if (left.starts_with(bytes)) return bytes.size();
  if (left.starts_with(spaceless)) return spaceless.size();
  // Half characters of a prompt that was sent as ids, which its text cannot have.
  const std::array ids{id};
  const bool hidden = request_.model->generator->tokenizer().Decode(ids, {.skip_special_tokens = true}).empty();
  return hidden ? 0 : std::min(bytes.size(), left.size());
}

bool GenerateJson::OwesPrompt(int index) const {
  return request_.prompt_logprobs && !told_prompt_[static_cast<size_t>(index)] &&
         !prompts_[static_cast<size_t>(index / request_.n)].empty();
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
                                  std::string_view finish_reason, std::span<const CalledFunction> calls) {
  json::object choice{{"index", index}};
  if (request_.chat) {
    json::object message{{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
    if (!calls.empty()) {
      message["content"] = OrNull(text);
      message["tool_calls"] = ToolCalls(calls);
    }
    choice["message"] = std::move(message);
  } else {
    choice["text"] = text;
  }
  choice["logprobs"] = Logprobs(index, tokens);
  choice["finish_reason"] = OrNull(finish_reason);
  return choice;
}

json::object GenerateJson::Delta(int index, const std::string& text, std::span<const TokenChoice> tokens,
                                 std::string_view finish_reason, std::span<const CallPiece> calls) {
  json::object choice{{"index", index}};
  if (request_.chat) {
    json::object delta;
    if (!text.empty()) delta["content"] = text;
    if (!calls.empty()) delta["tool_calls"] = ToolCallDeltas(calls);
    choice["delta"] = std::move(delta);
  } else {
    choice["text"] = text;
  }
  choice["logprobs"] = tokens.empty() && !OwesPrompt(index) ? json::value(nullptr) : Logprobs(index, tokens);
  choice["finish_reason"] = OrNull(finish_reason);
  return choice;
}

namespace {

// As llama.cpp's server tells them.
json::object Timings(const GenerationSummary& summary, int num_tokens, const InfillProgress& progress) {
  const auto per = [](double a, double b) { return b > 0 ? a / b : 0; };
  const int prompt = summary.prompt_tokens - summary.cached_tokens;
  return {{"cache_n", summary.cached_tokens},
          {"prompt_n", prompt},
          {"prompt_ms", progress.prompt_ms},
          {"prompt_per_token_ms", per(progress.prompt_ms, prompt)},
          {"prompt_per_second", per(prompt * 1e3, progress.prompt_ms)},
          {"predicted_n", num_tokens},
          {"predicted_ms", progress.text_ms},
          {"predicted_per_token_ms", per(progress.text_ms, num_tokens)},
          {"predicted_per_second", per(num_tokens * 1e3, progress.text_ms)}};
}

// "timings/prompt_n" is a member of a member, and keeps its name; what is not there is left out.
json::object Only(const json::object& all, std::span<const std::string> fields) {
  json::object out;
  for (const std::string& field : fields) {
    const size_t slash = field.find('/');
    const json::value* value = all.if_contains(std::string_view(field).substr(0, slash));
    if (value != nullptr && slash != std::string::npos) {
      const json::object* object = value->if_object();
      value = object == nullptr ? nullptr : object->if_contains(std::string_view(field).substr(slash + 1));
    }
    if (value != nullptr) out[field] = *value;
  }
  return out;
}

}  // namespace

json::object GenerateJson::Infill(const std::string& text, std::span<const TokenChoice> tokens, const TextEnd* end,
                                  const InfillProgress& progress) const {
  json::array ids;
  for (const TokenChoice& token : tokens) ids.emplace_back(token.id);
  json::object out{
      {"index", 0}, {"content", text}, {"tokens", std::move(ids)}, {"id_slot", 0}, {"stop", end != nullptr}};
  if (end == nullptr) return out;
  const GenerationSummary& summary = end->summary;
  const bool word = !end->stop.empty();
  out["model"] = request_.model->name;
  out["stop_type"] = word ? "word" : end->reason == FinishReason::kStop ? "eos" : "limit";
  out["stopping_word"] = end->stop;
  out["truncated"] = request_.dropped_files > 0;
  out["tokens_evaluated"] = summary.prompt_tokens;
  out["tokens_cached"] = summary.cached_tokens;
  const int predicted = request_.no_text ? 0 : summary.generated_tokens;
  out["tokens_predicted"] = predicted;
  out["has_new_line"] = progress.has_line;
  out["timings"] = Timings(summary, predicted, progress);
  return request_.fields.empty() ? out : Only(out, request_.fields);
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
