// POST /api/generate, as Ollama's clients send and read it: one prompt, through the model's chat template unless "raw".
#include <fmt/format.h>

#include <algorithm>

#include "api/endpoints/chat_prompt.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/ollama_reply.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/text_util.h"

namespace bantam {
namespace {

struct Asked {
  std::string prompt, suffix, system;
  bool raw = false;
  std::vector<int32_t> context;  // of an earlier reply
};

// What Ollama can be told and we cannot do.
Status RefuseOthers(const JsonObject& body, std::string& at) {
  BANTAM_RETURN_IF_ERROR(RefuseImages(body, "images", at));
  at = "template";
  BANTAM_TRY(const std::string chat_template, body.StringOr("template", ""));
  if (chat_template.empty()) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "\"template\" is not supported: prompts are made with the model's own; send the whole prompt with "
             "\"raw\": true instead");
}

Result<std::vector<int32_t>> ReadContext(const JsonObject& body, const Generator& generator, std::string& at) {
  at = "context";
  std::vector<int32_t> ids;
  const json::value* sent = body.Find("context");
  if (sent == nullptr || sent->is_null()) return ids;
  BANTAM_TRY(const json::array* list, body.Array("context"));
  const int32_t vocab = generator.engine().decoder().vocab_size();
  for (const json::value& id : *list) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() >= vocab) {
      return Err(ErrorCode::kInvalidArgument, "\"context\" holds {}, expected token ids from 0 to {}",
                 EscapeForTerminal(ToJson(id), 80), vocab - 1);
    }
    ids.push_back(static_cast<int32_t>(id.get_int64()));
  }
  return ids;
}

Result<Asked> ReadAsked(const JsonObject& body, const Generator& generator, std::string& at) {
  Asked asked;
  at = "prompt";
  BANTAM_TRY(asked.prompt, body.StringOr("prompt", ""));
  at = "suffix";
  BANTAM_TRY(asked.suffix, body.StringOr("suffix", ""));
  at = "system";
  BANTAM_TRY(asked.system, body.StringOr("system", ""));
  at = "raw";
  BANTAM_TRY(asked.raw, body.BoolOr("raw", false));
  BANTAM_TRY(asked.context, ReadContext(body, generator, at));
  at = "raw";
  if (asked.raw && (!asked.system.empty() || !asked.context.empty())) {
    return Err(ErrorCode::kInvalidArgument,
               "\"raw\" takes the prompt as it stands: \"system\" and \"context\" go without it");
  }
  return asked;
}

// The prompt as it stands, control tokens included; or what stands around the text.
Status MakePlainPrompt(const Asked& asked, OllamaText& text, std::string& at) {
  const Generator& generator = *text.model->generator;
  if (asked.suffix.empty()) {
    text.call.prompt_ids =
        generator.tokenizer().Encode(asked.prompt, {.add_special_tokens = true, .recognize_special_tokens = true}).ids;
    return Ok();
  }
  at = "suffix";
  const Result<FimTokens>& tokens = generator.fim_tokens();
  if (!tokens) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" does not support insert: {}", text.model->name,
               tokens.error().message);
  }
  text.call.prompt_ids =
      MakeInfillPrompt(generator.tokenizer(), *tokens, {.prefix = asked.prompt, .suffix = asked.suffix}, 0).ids;
  text.call.stop_ids = tokens->ends;
  return Ok();
}

// Whether a prompt begins with the token that begins all of them, which is there already. Where templates begin each
// message with that same token, it is no such beginning.
bool BeginsAgain(const Generator& generator, const std::vector<int32_t>& ids, const std::vector<int32_t>& before) {
  if (!generator.chat_template() || ids.empty() || ids.front() != before.front()) return false;
  const auto& tokens = generator.chat_template()->tokens();
  const auto bos = tokens.find("bos_token");
  return bos != tokens.end() && ids.front() == generator.tokenizer().TokenId(bos->second) &&
         std::ranges::count(ids, ids.front()) == 1;
}

// One message of the user, behind what was said before.
Status MakeTemplatePrompt(const Asked& asked, const JsonObject& body, OllamaText& text, std::string& at) {
  const Generator& generator = *text.model->generator;
  ChatInput input;
  BANTAM_RETURN_IF_ERROR(ReadThink(body, text, input.variables, at));
  json::array messages;
  if (!asked.system.empty()) messages.push_back(json::object{{"role", "system"}, {"content", asked.system}});
  messages.push_back(json::object{{"role", "user"}, {"content", asked.prompt}});
  at = "prompt";
  BANTAM_RETURN_IF_ERROR(MakeChatPrompt(generator, {messages}, input, text.call, at, &text.in_thought));
  text.gives_context = true;
  if (asked.context.empty()) return Ok();
  std::vector<int32_t>& ids = *text.call.prompt_ids;
  const int skip = BeginsAgain(generator, ids, asked.context) ? 1 : 0;
  ids.erase(ids.begin(), ids.begin() + skip);
  ids.insert(ids.begin(), asked.context.begin(), asked.context.end());
  return Ok();
}

Result<OllamaText> Parse(const ApiContext& context, const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  OllamaText text;
  BANTAM_RETURN_IF_ERROR(ReadOllamaText(context, body, http, text, at));
  BANTAM_RETURN_IF_ERROR(RefuseOthers(body, at));
  const Generator& generator = *text.model->generator;
  BANTAM_TRY(const Asked asked, ReadAsked(body, generator, at));
  text.only_loads = asked.prompt.empty() && asked.suffix.empty();
  BANTAM_TRY(text.unloads, ReadKeepAlive(context, body, *text.model, text.only_loads, at));
  if (text.only_loads) return text;
  BANTAM_RETURN_IF_ERROR(ReadOllamaFormat(body, text, at));
  const bool plain = asked.raw || !asked.suffix.empty() || !generator.can_chat();
  if (plain && !asked.system.empty()) {
    at = "system";
    return Err(ErrorCode::kInvalidArgument, "\"system\" needs a chat template, and {}",
               asked.suffix.empty() ? "the model has none" : "text is filled in without one");
  }
  if (plain) {
    BANTAM_RETURN_IF_ERROR(MakePlainPrompt(asked, text, at));
  } else {
    BANTAM_RETURN_IF_ERROR(MakeTemplatePrompt(asked, body, text, at));
  }
  at = "prompt";
  BANTAM_RETURN_IF_ERROR(LimitOllamaText(text, text.call.prompt_ids->size()));
  return text;
}

}  // namespace

void HandleOllamaGenerate(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto text = Parse(context, http, at);
  AnswerOllamaText(context, http, responder, std::move(text), at);
}

}  // namespace bantam
