#include "api/endpoints/model_chat.h"

#include <fmt/format.h>

#include "api/endpoints/chat_prompt.h"
#include "api/endpoints/generate_reply.h"
#include "api/endpoints/held_output.h"
#include "api/endpoints/lora_request.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr int64_t kMostTopLogprobs = 20;  // OpenAI's

Result<int> ReadMaxTokens(const JsonObject& body, std::string& at) {
  for (const char* key : {"max_completion_tokens", "max_tokens"}) {
    at = key;
    const json::value* value = body.Find(key);
    if (value == nullptr || value->is_null()) continue;
    BANTAM_TRY(const int64_t tokens, body.Int(key, 1, kMostTokens));
    return static_cast<int>(tokens);
  }
  return 0;
}

Status ReadLogprobs(const JsonObject& body, GenerateRequest& request, std::string& at) {
  at = "logprobs";
  BANTAM_TRY(request.logprobs, body.BoolOr("logprobs", false));
  at = "top_logprobs";
  BANTAM_TRY(const int64_t top, body.IntOr("top_logprobs", 0, 0, kMostTopLogprobs));
  if (top > 0 && !request.logprobs) {
    return Err(ErrorCode::kInvalidArgument, "\"top_logprobs\" is {}, but \"logprobs\" is not true", top);
  }
  request.top_logprobs = static_cast<int>(top);
  return Ok();
}

Result<GenerateRequest> Parse(const ApiContext& context, const JsonObject& body, const HttpRequest& http,
                              std::string& at) {
  GenerateRequest request;
  request.chat = true;
  BANTAM_TRY(request.model, FindChatModel(context, body, at));
  const Generator& generator = *request.model->generator;
  BANTAM_RETURN_IF_ERROR(RefuseUnsupported(body, true, at));
  GenerateCall call;
  BANTAM_RETURN_IF_ERROR(ReadSampling(body, context, http, call, at));
  BANTAM_RETURN_IF_ERROR(ReadAdapters(body, *request.model, call, at));
  BANTAM_TRY(call.constraint, ReadHeldOutput(body, *request.model->generator, at));
  BANTAM_RETURN_IF_ERROR(ReadDelivery(body, request, at));
  BANTAM_TRY(call.max_tokens, ReadMaxTokens(body, at));
  BANTAM_RETURN_IF_ERROR(ReadLogprobs(body, request, at));
  call.sampling.top_logprobs = request.logprobs ? request.top_logprobs : -1;
  call.n = request.n;
  ChatInput input;
  at = "chat_template_kwargs";
  if (const json::value* variables = body.Find("chat_template_kwargs"); variables && !variables->is_null()) {
    BANTAM_TRY(const JsonObject object, body.Object("chat_template_kwargs"));
    input.variables = object.raw();
    BANTAM_RETURN_IF_ERROR(ChatTemplate::CheckVariables(input.variables));
  }
  at = "add_generation_prompt";
  BANTAM_TRY(input.add_generation_prompt, body.BoolOr("add_generation_prompt", true));
  BANTAM_TRY(request.tools, ReadTools(body, at));
  if (request.tools != nullptr && call.constraint != nullptr) {
    at = body.Has("response_format") ? "response_format" : "tools";
    return Err(ErrorCode::kInvalidArgument,
               "\"tools\" and \"response_format\", or another field that holds the text to a form, both say what it "
               "must be: send one of them, or \"tool_choice\": \"none\"");
  }
  BANTAM_TRY(const json::array messages, ReadChatMessages(body, at));
  BANTAM_RETURN_IF_ERROR(MakeChatPrompt(generator, {messages, request.tools.get()}, input, call, at));
  at = "messages";
  BANTAM_RETURN_IF_ERROR(CheckLength(generator, call.prompt_ids->size()));
  request.calls.push_back(std::move(call));
  return request;
}

}  // namespace

Result<bool> IsModelChat(const ApiContext& context, const JsonObject& body) {
  const json::value* name = body.Find("model");
  if (name != nullptr && name->is_string()) {
    if (context.IsRouter(name->get_string())) return false;
    BANTAM_TRY(const ServedModelPtr model, context.GetModel(name->get_string()));
    return model != nullptr && model->generator != nullptr;
  }
  return name == nullptr && context.router() == nullptr &&
         context.NamesOf([](const ServedModel& model) { return model.generator != nullptr; }) != "none";
}

void AskModelToChat(ApiContext& context, const JsonObject& body, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto request = Parse(context, body, http, at);
  if (!request) return responder.Send(OpenAiError(request.error(), at));
  StartGeneration(context, http, responder, *std::move(request));
}

}  // namespace bantam
