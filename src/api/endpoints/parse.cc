#include "api/endpoints/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text_util.h"

namespace bantam {

Result<JsonObject> ParseBody(const HttpRequest& request, json::value& document) {
  BANTAM_TRY(document, ParseJson(request.body, "body"));
  return JsonObject::From(document, "body");
}

Result<std::vector<std::string>> ParseInputs(const JsonObject& body, size_t max_inputs, std::string& at) {
  return ParseTexts(body, "input", max_inputs, at);
}

Result<std::vector<std::string>> ParseTexts(const JsonObject& body, std::string_view key, size_t max_inputs,
                                            std::string& at) {
  at = key;
  const json::value* input = body.Find(key);
  if (input != nullptr && input->is_string()) {
    if (input->get_string().empty()) return Err(ErrorCode::kInvalidArgument, "\"{}\" is an empty string", key);
    return std::vector<std::string>{std::string(input->get_string())};
  }
  if (input == nullptr || !input->is_array()) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" must be a string or an array of strings", key);
  }
  const json::array& items = input->get_array();
  if (items.empty()) return Err(ErrorCode::kInvalidArgument, "\"{}\" is an empty array", key);
  if (items.size() > max_inputs) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" has {} texts, the limit is {}", key, items.size(), max_inputs);
  }
  std::vector<std::string> texts;
  texts.reserve(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    at = fmt::format("{}[{}]", key, i);
    const json::array* inner = items[i].if_array();
    const json::value& first = inner != nullptr && !inner->empty() ? inner->front() : items[i];
    if (first.is_int64() && (i == 0 || inner != nullptr)) {
      // Such ids come from OpenAI's vocabulary; read as ours they would give vectors of other words, silently.
      return Err(ErrorCode::kInvalidArgument,
                 "\"{}\" holds token ids, which belong to another model's vocabulary: send the text itself "
                 "(LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))",
                 key);
    }
    if (!items[i].is_string()) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected a string", at,
                 EscapeForTerminal(ToJson(items[i]), 80));
    }
    if (items[i].get_string().empty()) return Err(ErrorCode::kInvalidArgument, "\"{}\" is an empty string", at);
    texts.emplace_back(items[i].get_string());
  }
  return texts;
}

Error NoSuchModel(const ApiContext& context, std::string_view name) {
  return Err(ErrorCode::kNotFound, "the model \"{}\" is not served here; served: {}", EscapeForTerminal(name),
             context.ModelNames());
}

Error NoSuchEncoder(const ApiContext& context, std::string_view name) {
  if (!context.IsRouter(name)) return NoSuchModel(context, name);
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is an assistant and cannot embed; the encoders here: {}",
             EscapeForTerminal(name), context.EncoderNames());
}

Error NoSuchAssistant(const ApiContext& context, std::string_view name) {
  if (context.FindModel(name) == nullptr) return NoSuchModel(context, name);
  if (context.router == nullptr) {
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" is an encoder, for /v1/embeddings only; to chat and to classify, start the server with a route "
               "file (-c FILE)",
               EscapeForTerminal(name));
  }
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is an encoder, for /v1/embeddings only; the assistant here: {}",
             EscapeForTerminal(name), context.router->file().name);
}

Result<MonotonicTime> DeadlineOf(const ApiContext& context, const HttpRequest& request, std::string& at) {
  at.clear();  // a header
  auto timeout = context.request_timeout;
  if (const std::string_view value = request.Header("x-bantam-timeout-ms"); !value.empty()) {
    int64_t ms = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), ms);
    if (error != std::errc() || end != value.data() + value.size() || ms < 1) {
      return Err(ErrorCode::kInvalidArgument, "x-bantam-timeout-ms must be a whole number of milliseconds above 0");
    }
    timeout = std::min(timeout, std::chrono::milliseconds(ms));
  }
  return request.received + timeout;
}

}  // namespace bantam
