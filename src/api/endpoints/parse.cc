#include "api/endpoints/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text_util.h"
#include "tasks/holds_text.h"

namespace bantam {

Result<JsonObject> ParseBody(const HttpRequest& request, json::value& document) {
  BANTAM_TRY(document, ParseJsonInto(document.storage(), request.body, "body"));
  return JsonObject::From(document, "body");
}

bool IsThere(const JsonObject& object, std::string_view key) {
  const json::value* value = object.Find(key);
  return value != nullptr && !value->is_null();
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

Result<std::vector<std::string>> ParseQuestions(Router& router, const JsonObject& body, std::string& at) {
  BANTAM_TRY(std::vector<std::string> texts, ParseInputs(body, kMaxInputs, at));
  for (size_t i = 0; i < texts.size(); ++i) {
    if (HoldsText(router.embedder().tokenizer(), texts[i])) continue;
    at = texts.size() > 1 ? fmt::format("input[{}]", i) : "input";
    return Err(ErrorCode::kInvalidArgument, "\"{}\" holds no text", at);
  }
  return texts;
}

Error NoSuchModel(const ApiContext& context, std::string_view name) {
  const std::string names = context.ModelNames();
  return Err(ErrorCode::kNotFound, "the model \"{}\" is not served here; {}: {}", EscapeForTerminal(name),
             context.models->on_demand() ? "nor is it in the store (bantam list); loaded" : "served",
             names.empty() ? "none" : names);
}

Error NoSuchEncoder(const ApiContext& context, std::string_view name) {
  if (const ServedModelPtr model = context.FindModel(name)) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" cannot embed: it is served for {}; the encoders here: {}",
               EscapeForTerminal(name), model->Abilities(), context.EncoderNames());
  }
  if (!context.IsRouter(name)) return NoSuchModel(context, name);
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is an assistant and cannot embed; the encoders here: {}",
             EscapeForTerminal(name), context.EncoderNames());
}

Error NoSuchAssistant(const ApiContext& context, std::string_view name) {
  const ServedModelPtr model = context.FindModel(name);
  if (model == nullptr) return NoSuchModel(context, name);
  const std::shared_ptr<Router> router = context.router();
  if (router == nullptr) {
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" is no assistant, it is served for: {}; to chat, serve a model that writes text (--model), or a "
               "route file (-c FILE), which also classifies intents",
               EscapeForTerminal(name), model->Abilities());
  }
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is no assistant, it is served for: {}; the assistant here: {}",
             EscapeForTerminal(name), model->Abilities(), router->file().name);
}

Result<ServedModelPtr> FindAble(const ApiContext& context, const JsonObject& body, std::string_view ability,
                                bool (*can)(const ServedModel& model), std::string& at) {
  at = "model";
  const std::string able = context.NamesOf(can);
  if (!body.Has("model")) {
    ServedModelPtr only;
    for (const ServedModelPtr& model : context.models->List()) {
      if (!can(*model) || !model->parent.empty()) continue;  // an adapter is asked for by name
      if (only != nullptr) {
        return Err(ErrorCode::kInvalidArgument, "\"model\" is missing; models here that {}: {}", ability, able);
      }
      only = model;
    }
    if (only != nullptr) return only;
    return Err(ErrorCode::kInvalidArgument, "no model here can {}; served: {}", ability, context.ModelNames());
  }
  BANTAM_TRY(const std::string name, body.String("model"));
  BANTAM_TRY(const ServedModelPtr model, context.GetModel(name));
  if (model != nullptr && can(*model)) return model;
  if (model == nullptr && !context.IsRouter(name)) return NoSuchModel(context, name);
  return Err(ErrorCode::kInvalidArgument, "\"{}\" cannot {}: it {}; models here that can: {}", EscapeForTerminal(name),
             ability, model == nullptr ? "is an assistant" : "is served for " + model->Abilities(), able);
}

Result<std::vector<TextOrPair>> ParseTextsOrPairs(const JsonObject& body, size_t max_inputs, std::string& at) {
  at = "input";
  const json::value* input = body.Find("input");
  constexpr std::string_view kExpected =
      R"(a string, an array of strings, or one of pairs: {"text": "...", "text_pair": "..."} or ["...", "..."])";
  if (input == nullptr) return Err(ErrorCode::kInvalidArgument, "\"input\" is missing: {}", kExpected);
  const std::span<const json::value> items =
      input->is_array() ? std::span<const json::value>(input->get_array()) : std::span(input, 1);
  if (items.empty()) return Err(ErrorCode::kInvalidArgument, "\"input\" is an empty array");
  if (items.size() > max_inputs) {
    return Err(ErrorCode::kInvalidArgument, "\"input\" has {} texts, the limit is {}", items.size(), max_inputs);
  }
  std::vector<TextOrPair> texts;
  for (size_t i = 0; i < items.size(); ++i) {
    if (input->is_array()) at = fmt::format("input[{}]", i);
    const json::value& item = items[i];
    const json::value *text = &item, *pair = nullptr;
    if (const json::array* both = item.if_array(); both != nullptr && both->size() == 2) {
      text = &(*both)[0];
      pair = &(*both)[1];
    } else if (const json::object* object = item.if_object()) {
      text = object->if_contains("text");
      pair = object->if_contains("text_pair");
      if (pair != nullptr && pair->is_null()) pair = nullptr;
    }
    if (text == nullptr || !text->is_string() || (pair != nullptr && !pair->is_string())) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}; expected {}", at, EscapeForTerminal(ToJson(item), 80),
                 kExpected);
    }
    TextOrPair& out = texts.emplace_back();
    out.text = text->get_string();
    if (pair != nullptr) out.pair = std::string(pair->get_string());
  }
  return texts;
}

Result<std::vector<std::string>> ParseStrings(const JsonObject& body, std::string_view key, size_t maximum,
                                              std::string& at) {
  at = key;
  const json::value* value = body.Find(key);
  if (value != nullptr && value->is_string()) return std::vector<std::string>{std::string(value->get_string())};
  BANTAM_TRY(const json::array* items, body.Array(key));
  if (items->empty() || items->size() > maximum) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" has {} strings, expected 1 to {}", key, items->size(), maximum);
  }
  std::vector<std::string> strings;
  for (size_t i = 0; i < items->size(); ++i) {
    at = fmt::format("{}[{}]", key, i);
    const json::value& item = (*items)[i];
    if (!item.is_string() || item.get_string().empty()) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected a string that is not empty", at,
                 EscapeForTerminal(ToJson(item), 80));
    }
    strings.emplace_back(item.get_string());
  }
  return strings;
}

Status ReadTruncate(const JsonObject& body, bool& truncate, std::string& at) {
  if (const json::value* side = body.Find("truncation_direction"); side != nullptr && !side->is_null()) {
    at = "truncation_direction";
    BANTAM_TRY(const std::string word, body.String(at));
    if (word != "right" && word != "Right") {
      return Err(ErrorCode::kInvalidArgument, "\"truncation_direction\" is \"{}\"; texts are cut on the right only",
                 EscapeForTerminal(word, 80));
    }
  }
  for (const std::string_view key : {"truncate", "truncation"}) {
    const json::value* value = body.Find(key);
    if (value == nullptr || value->is_null()) continue;
    at = key;
    if (value->is_bool()) {
      truncate = value->get_bool();
      continue;
    }
    BANTAM_TRY(const std::string word, body.String(key));
    if (word != "NONE" && word != "END") {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is \"{}\"; known: true, false, \"NONE\", \"END\"", key,
                 EscapeForTerminal(word, 80));
    }
    truncate = word == "END";
  }
  return Ok();
}

void TellTruncated(size_t num_texts, HttpReply& reply) {
  if (num_texts > 0) reply.headers.emplace_back("X-Bantam-Truncated", std::to_string(num_texts));
}

Result<MonotonicTime> DeadlineOf(const ApiContext& context, const HttpRequest& request, std::string& at) {
  return DeadlineOf(request, context.request_timeout, at);
}

Result<MonotonicTime> DeadlineOf(const HttpRequest& request, std::chrono::milliseconds limit, std::string& at) {
  at.clear();  // a header
  auto timeout = limit;
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
