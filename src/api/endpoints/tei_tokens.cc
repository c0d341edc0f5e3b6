// POST /tokenize and /decode, as Text Embeddings Inference takes and answers them: what the model reads of a text.
#include <fmt/format.h>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/tei_request.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMaxIds = size_t{1} << 20;

// "model", or without it the first that is served.
Result<ServedModelPtr> FindAny(const ApiContext& context, const JsonObject& body) {
  BANTAM_TRY(const std::string name, body.StringOr("model", ""));
  const std::vector<ServedModelPtr> models = context.models->List();
  if (name.empty() && models.empty()) return Err(ErrorCode::kInvalidArgument, "\"model\" is missing: none is loaded");
  if (name.empty()) return models.front();
  BANTAM_TRY(ServedModelPtr model, context.GetModel(name));
  if (model == nullptr) return NoSuchModel(context, name);
  return model;
}

// Byte offsets of the characters, and of the end.
std::vector<size_t> CharacterOffsets(std::string_view text) {
  std::vector<size_t> offsets;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) offsets.push_back(i);
  }
  offsets.push_back(text.size());
  return offsets;
}

// Of a special token, which stands for no text, its name without a place.
json::array Tokens(const Tokenizer& tokenizer, const std::string& text, bool add_special_tokens) {
  const Encoding encoding = tokenizer.Encode(text, {.add_special_tokens = add_special_tokens, .offsets = true});
  const std::vector<size_t> offsets = CharacterOffsets(text);
  json::array tokens;
  tokens.reserve(encoding.ids.size());
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const TokenSpan span = encoding.offsets[i];
    const bool special = span == TokenSpan{};
    json::object token{{"id", encoding.ids[i]}};
    if (special) {
      token["text"] = ReplaceInvalidUtf8(tokenizer.TokenText(encoding.ids[i]));
    } else {
      token["text"] = text.substr(offsets[span.begin], offsets[span.end] - offsets[span.begin]);
    }
    token["special"] = special;
    token["start"] = special ? json::value(nullptr) : json::value(span.begin);
    token["stop"] = special ? json::value(nullptr) : json::value(span.end);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

Result<json::array> Tokenize(const ApiContext& context, const HttpRequest& request) {
  json::value document;
  std::string at;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  BANTAM_TRY(const ServedModelPtr model, FindAny(context, body));
  BANTAM_TRY(std::vector<std::string> texts, ParseTexts(body, "inputs", kMaxInputs, at));
  BANTAM_TRY(const bool special, body.BoolOr("add_special_tokens", true));
  BANTAM_TRY(const std::string prompt_name, body.StringOr("prompt_name", ""));
  if (!prompt_name.empty()) {
    if (model->embedder == nullptr) {
      return Err(ErrorCode::kInvalidArgument, "\"prompt_name\" is for models that embed, which {} does not",
                 model->name);
    }
    const std::string* prompt = model->embedder->sentence().prompts.Find(prompt_name);
    if (prompt == nullptr) {
      return Err(ErrorCode::kInvalidArgument, "{} has no prompt \"{}\"; 'bantam show {}' lists those it has",
                 model->name, EscapeForTerminal(prompt_name, 80), model->name);
    }
    for (std::string& text : texts) text.insert(0, *prompt);
  }
  json::array lists;
  for (const std::string& text : texts) lists.push_back(Tokens(model->tokenizer(), text, special));
  return lists;
}

Result<std::vector<int32_t>> ReadIds(const json::array& list) {
  std::vector<int32_t> ids;
  ids.reserve(list.size());
  for (const json::value& id : list) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() > INT32_MAX) {
      return Err(ErrorCode::kInvalidArgument, "\"ids\" holds {}, expected token ids",
                 EscapeForTerminal(ToJson(id), 80));
    }
    ids.push_back(static_cast<int32_t>(id.get_int64()));
  }
  return ids;
}

// "ids": of one text, or lists of those of several.
Result<json::array> Decode(const ApiContext& context, const HttpRequest& request) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  BANTAM_TRY(const ServedModelPtr model, FindAny(context, body));
  BANTAM_TRY(const json::array* sent, body.Array("ids"));
  if (sent->empty() || sent->size() > kMaxIds) {
    return Err(ErrorCode::kInvalidArgument, "\"ids\" has {} entries, expected 1 to {}", sent->size(), kMaxIds);
  }
  BANTAM_TRY(const bool skip, body.BoolOr("skip_special_tokens", true));
  const DecodeOptions options{.skip_special_tokens = skip};
  json::array texts;
  if (!sent->front().is_array()) {
    BANTAM_TRY(const std::vector<int32_t> ids, ReadIds(*sent));
    texts.emplace_back(model->tokenizer().Decode(ids, options));
    return texts;
  }
  for (const json::value& item : *sent) {
    if (!item.is_array()) {
      return Err(ErrorCode::kInvalidArgument, "\"ids\" holds {} beside lists of token ids",
                 EscapeForTerminal(ToJson(item), 80));
    }
    BANTAM_TRY(const std::vector<int32_t> ids, ReadIds(item.get_array()));
    texts.emplace_back(model->tokenizer().Decode(ids, options));
  }
  return texts;
}

void Reply(const Result<json::array>& answer, const HttpRequest& request, Responder& responder) {
  if (!answer) return responder.Send(TeiRefusal(answer.error(), request));
  responder.Send({.status = 200, .content_type = "application/json", .body = ToJson(*answer), .headers = {}});
}

}  // namespace

void HandleTokenize(ApiContext& context, const HttpRequest& request, Responder& responder) {
  Reply(Tokenize(context, request), request, responder);
}

void HandleTeiDecode(ApiContext& context, const HttpRequest& request, Responder& responder) {
  Reply(Decode(context, request), request, responder);
}

}  // namespace bantam
