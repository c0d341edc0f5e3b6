// POST /v1/completions: a model goes on with a prompt as it stands, as OpenAI's clients send and read it.
#include <fmt/format.h>

#include <algorithm>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/generate_reply.h"
#include "api/endpoints/held_output.h"
#include "api/endpoints/lora_request.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr int64_t kDefaultTokens = 16;  // OpenAI's
constexpr int64_t kMostLogprobs = 100;

// One prompt as token ids, and as a text for "echo".
struct Prompt {
  std::vector<int32_t> ids;
  std::string text;
};

Result<Prompt> FromIds(const Generator& generator, const json::array& list, const std::string& at) {
  Prompt prompt;
  const int32_t vocab = generator.engine().decoder().vocab_size();
  for (const json::value& id : list) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() >= vocab) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" holds {}, expected token ids from 0 to {}", at,
                 EscapeForTerminal(ToJson(id), 80), vocab - 1);
    }
    prompt.ids.push_back(static_cast<int32_t>(id.get_int64()));
  }
  prompt.text = generator.tokenizer().Decode(prompt.ids, {.skip_special_tokens = true});
  return prompt;
}

// A text is the whole prompt, as whoever writes it means it: its control tokens are such. What strangers say belongs
// into the messages of the chat endpoint, where it can never spell one.
Result<Prompt> FromText(const Generator& generator, const json::value& text, bool add_special_tokens,
                        const std::string& at) {
  if (!text.is_string()) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected a text or a list of token ids", at,
               EscapeForTerminal(ToJson(text), 80));
  }
  Prompt prompt{.ids = {}, .text = std::string(text.get_string())};
  prompt.ids = generator.tokenizer()
                   .Encode(prompt.text, {.add_special_tokens = add_special_tokens, .recognize_special_tokens = true})
                   .ids;
  return prompt;
}

bool IsIds(const json::array& list) { return !list.empty() && list.front().is_number(); }

Result<std::vector<Prompt>> ReadPrompts(const JsonObject& body, const Generator& generator, std::string& at) {
  at = "add_special_tokens";
  BANTAM_TRY(const bool special, body.BoolOr("add_special_tokens", true));
  at = "prompt";
  const json::value* found = body.Find("prompt");
  if (found == nullptr || found->is_null()) {
    return Err(ErrorCode::kInvalidArgument,
               "\"prompt\" is missing: a text, a list of texts, token ids, or a list of lists of them");
  }
  std::vector<Prompt> prompts;
  const json::array* list = found->if_array();
  if (list == nullptr) {
    BANTAM_TRY(prompts.emplace_back(), FromText(generator, *found, special, at));
    return prompts;
  }
  if (IsIds(*list)) {
    BANTAM_TRY(prompts.emplace_back(), FromIds(generator, *list, at));
    return prompts;
  }
  if (list->empty() || list->size() > kMaxTextsOfARequest) {
    return Err(ErrorCode::kInvalidArgument, "\"prompt\" has {} prompts, expected 1 to {}", list->size(),
               kMaxTextsOfARequest);
  }
  for (size_t i = 0; i < list->size(); ++i) {
    at = fmt::format("prompt[{}]", i);
    if (const json::array* ids = (*list)[i].if_array()) {
      BANTAM_TRY(prompts.emplace_back(), FromIds(generator, *ids, at));
    } else {
      BANTAM_TRY(prompts.emplace_back(), FromText(generator, (*list)[i], special, at));
    }
  }
  return prompts;
}

// "logprobs": how many of the most probable tokens are told beside each chosen one. "best_of": of so many candidates
// the n best are answered with.
Status ReadChoices(const JsonObject& body, GenerateRequest& request, bool echo, std::string& at) {
  at = "logprobs";
  if (const json::value* value = body.Find("logprobs"); value != nullptr && !value->is_null()) {
    BANTAM_TRY(const int64_t count, body.Int("logprobs", 0, kMostLogprobs));
    request.logprobs = true;
    request.top_logprobs = static_cast<int>(count);
    request.prompt_logprobs = echo;
  }
  at = "best_of";
  BANTAM_TRY(const int64_t best_of, body.IntOr("best_of", request.n, 1, kMaxTextsOfARequest));
  if (best_of < request.n) {
    return Err(ErrorCode::kInvalidArgument, "\"best_of\" is {}, expected at least \"n\", which is {}", best_of,
               request.n);
  }
  if (best_of > request.n && request.stream) {
    return Err(ErrorCode::kInvalidArgument,
               "\"best_of\" and \"stream\" exclude each other: which text is best is known at its end");
  }
  request.best_of = static_cast<int>(best_of);
  return Ok();
}

// "suffix": the text is what stands between the prompt and it.
Status ReadSuffix(const JsonObject& body, const Generator& generator, GenerateCall& call, std::vector<Prompt>& prompts,
                  std::string& at) {
  at = "suffix";
  BANTAM_TRY(const std::string suffix, body.StringOr("suffix", ""));
  if (suffix.empty()) return Ok();
  const Result<FimTokens>& tokens = generator.fim_tokens();
  if (!tokens) return Err(ErrorCode::kInvalidArgument, "\"suffix\" is not supported: {}", tokens.error().message);
  const json::value* sent = body.Find("prompt");
  const bool has_ids = sent->is_array() && std::ranges::any_of(sent->get_array(), [](const json::value& each) {
                         return !each.is_string();
                       });
  if (has_ids) return Err(ErrorCode::kInvalidArgument, "\"suffix\" goes with prompts that are texts, not token ids");
  for (Prompt& prompt : prompts)
    prompt.ids = MakeInfillPrompt(generator.tokenizer(), *tokens, {.prefix = prompt.text, .suffix = suffix}, 0).ids;
  call.stop_ids.insert(call.stop_ids.end(), tokens->ends.begin(), tokens->ends.end());
  return Ok();
}

Result<GenerateRequest> Parse(const ApiContext& context, const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  GenerateRequest request;
  BANTAM_TRY(request.model, FindGenerator(context, body, at));
  BANTAM_RETURN_IF_ERROR(RefuseUnsupported(body, false, at));
  GenerateCall call;
  BANTAM_RETURN_IF_ERROR(ReadSampling(body, context, http, call, at));
  BANTAM_RETURN_IF_ERROR(ReadAdapters(body, *request.model, call, at));
  BANTAM_TRY(call.constraint, ReadHeldOutput(body, *request.model->generator, at));
  BANTAM_RETURN_IF_ERROR(ReadDelivery(body, request, at));
  at = "max_tokens";
  BANTAM_TRY(const int64_t tokens, body.IntOr("max_tokens", kDefaultTokens, 0, kMostTokens));
  call.max_tokens = static_cast<int>(tokens);
  request.no_text = tokens == 0;
  at = "echo";
  BANTAM_TRY(const bool echo, body.BoolOr("echo", false));
  if (request.no_text && !echo) {
    at = "max_tokens";
    return Err(ErrorCode::kInvalidArgument, "\"max_tokens\" is 0, which asks for nothing without \"echo\"");
  }
  BANTAM_RETURN_IF_ERROR(ReadChoices(body, request, echo, at));
  if (request.prompt_logprobs && request.model->generator->engine().decoder().start_token()) {
    at = "logprobs";
    return Err(ErrorCode::kInvalidArgument,
               "\"echo\" with \"logprobs\" asks what the model says of its prompt, which its encoder reads as a whole");
  }
  call.sampling.top_logprobs = request.logprobs ? request.top_logprobs : -1;
  call.n = request.best_of;
  BANTAM_TRY(std::vector<Prompt> prompts, ReadPrompts(body, *request.model->generator, at));
  BANTAM_RETURN_IF_ERROR(ReadSuffix(body, *request.model->generator, call, prompts, at));
  if (prompts.size() * static_cast<size_t>(request.best_of) > kMaxTextsOfARequest) {
    at = request.best_of > request.n ? "best_of" : "n";
    return Err(ErrorCode::kInvalidArgument, "{} prompts with {} texts each are more than a request may ask for: {}",
               prompts.size(), request.best_of, kMaxTextsOfARequest);
  }
  for (size_t i = 0; i < prompts.size(); ++i) {
    at = prompts.size() == 1 ? "prompt" : fmt::format("prompt[{}]", i);
    BANTAM_RETURN_IF_ERROR(CheckLength(*request.model->generator, prompts[i].ids.size()));
    call.prompt_ids = std::move(prompts[i].ids);
    request.calls.push_back(call);
    if (echo) request.echo.push_back(std::move(prompts[i].text));
  }
  return request;
}

}  // namespace

void HandleCompletions(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto request = Parse(context, http, at);
  if (!request) return responder.Send(OpenAiError(request.error(), at));
  StartGeneration(context, http, responder, *std::move(request));
}

}  // namespace bantam
