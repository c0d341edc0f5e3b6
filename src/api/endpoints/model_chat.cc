#include "api/endpoints/model_chat.h"

#include <fmt/format.h>

#include "api/endpoints/chat_content.h"
#include "api/endpoints/generate_reply.h"
#include "api/endpoints/held_output.h"
#include "api/endpoints/lora_request.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/tool_request.h"
#include "api/error_map.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr int64_t kMostTokens = int64_t{1} << 24;
constexpr int64_t kMostTopLogprobs = 20;  // OpenAI's

// Templates write the arguments of a call as an object; OpenAI's clients send them as the text of one.
json::value ToolCalls(const json::value& sent) {
  json::value calls = sent;
  json::array* list = calls.if_array();
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    json::object* call = (*list)[i].if_object();
    json::value* function = call == nullptr ? nullptr : call->if_contains("function");
    json::object* object = function == nullptr ? nullptr : function->if_object();
    json::value* arguments = object == nullptr ? nullptr : object->if_contains("arguments");
    if (arguments == nullptr || !arguments->is_string()) continue;
    if (arguments->get_string().empty()) *arguments = json::object{};  // of a function without parameters
    if (!arguments->is_string()) continue;
    if (auto parsed = ParseJson(arguments->get_string(), "arguments")) *arguments = *std::move(parsed);
  }
  return calls;
}

// The messages as a template expects them: roles that it knows, contents that are texts.
Result<json::array> ReadMessages(const JsonObject& body, std::string& at) {
  at = "messages";
  BANTAM_TRY(const json::array* items, body.Array("messages"));
  if (items->empty() || items->size() > kMaxMessages) {
    return Err(ErrorCode::kInvalidArgument, "\"messages\" has {} entries, expected 1 to {}", items->size(),
               kMaxMessages);
  }
  json::array messages;
  for (size_t i = 0; i < items->size(); ++i) {
    at = fmt::format("messages[{}]", i);
    BANTAM_TRY(const JsonObject item, JsonObject::From((*items)[i], at));
    at = fmt::format("messages[{}].role", i);
    BANTAM_TRY(const std::string role, item.String("role"));
    if (!IsChatRole(role)) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"messages[{}].role\" must be system, developer, user, assistant or tool", i);
    }
    at = fmt::format("messages[{}].content", i);
    BANTAM_TRY(const std::string content, ContentText(item, i));
    // "developer" is what OpenAI calls the system's message since 2024; the templates of models do not.
    json::object message{{"role", role == "developer" ? "system" : role}, {"content", content}};
    for (const char* key : {"name", "tool_call_id", "reasoning_content"}) {
      const json::value* value = item.Find(key);
      if (value != nullptr && value->is_string()) message[key] = *value;
    }
    // Templates look whether there is such a member, not whether it holds anything.
    const json::value* calls = item.Find("tool_calls");
    if (calls != nullptr && calls->is_array() && !calls->get_array().empty()) {
      message["tool_calls"] = ToolCalls(*calls);
    }
    messages.push_back(std::move(message));
  }
  at = "messages";
  return messages;
}

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

// The prompt, and what its text is held to where functions may be called.
Status MakePrompt(const Generator& generator, const json::array& messages, const ToolRequest* tools, ChatInput& input,
                  GenerateCall& call, std::string& at) {
  const ToolUse* use = generator.tool_use();
  if (use == nullptr) {  // it chats without a template
    if (tools != nullptr) {
      at = "tools";
      return Err(ErrorCode::kInvalidArgument, "the model has no chat template, by which it could be told of functions");
    }
    input.messages = messages;
    BANTAM_TRY(call.prompt_ids, generator.ChatPromptIds(input));
    return Ok();
  }
  input.messages = use->Messages(messages, tools == nullptr ? ToolPrompt{} : tools->Prompt());
  if (tools != nullptr) input.tools = use->TemplateTools(tools->tools);
  // What a template refuses (roles that do not alternate, say) is in the messages.
  BANTAM_TRY(const RenderedChat rendered, generator.chat_template()->Render(input));
  call.prompt_ids = EncodeChat(generator.tokenizer(), rendered).ids;
  if (tools == nullptr) return Ok();
  at = "tools";
  BANTAM_TRY(call.constraint, ConstrainCalls(generator, *tools, rendered.Text()));
  call.shown_ids = generator.tool_markers();
  return Ok();
}

Result<GenerateRequest> Parse(const ApiContext& context, const JsonObject& body, const HttpRequest& http,
                              std::string& at) {
  GenerateRequest request;
  request.chat = true;
  BANTAM_TRY(request.model, FindGenerator(context, body, at));
  const Generator& generator = *request.model->generator;
  if (!generator.can_chat()) {
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" cannot chat: {}; /v1/completions goes on with a prompt as it stands", request.model->name,
               generator.chat_template().error().message);
  }
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
  BANTAM_TRY(const json::array messages, ReadMessages(body, at));
  BANTAM_RETURN_IF_ERROR(MakePrompt(generator, messages, request.tools.get(), input, call, at));
  at = "messages";
  BANTAM_RETURN_IF_ERROR(CheckLength(request, call.prompt_ids->size()));
  request.calls.push_back(std::move(call));
  return request;
}

}  // namespace

Result<bool> IsModelChat(const ApiContext& context, const JsonObject& body) {
  const json::value* name = body.Find("model");
  if (name != nullptr && name->is_string()) {
    if (context.IsRouter(name->get_string())) return false;
    BANTAM_TRY(const ServedModelPtr model, context.models->Get(name->get_string()));
    return model != nullptr && model->generator != nullptr;
  }
  return name == nullptr && context.router == nullptr &&
         context.NamesOf([](const ServedModel& model) { return model.generator != nullptr; }) != "none";
}

void HandleModelChat(ApiContext& context, const JsonObject& body, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto request = Parse(context, body, http, at);
  if (!request) return responder.Send(OpenAiError(request.error(), at));
  StartGeneration(context, http, responder, *std::move(request));
}

}  // namespace bantam
