#include "api/endpoints/responses_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include "api/endpoints/chat_prompt.h"
#include "api/endpoints/chat_request.h"
#include "api/endpoints/chat_turns.h"
#include "api/endpoints/generate_request.h"
#include "api/endpoints/held_output.h"
#include "api/endpoints/lora_request.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/responses_input.h"
#include "api/endpoints/responses_reply.h"
#include "base/text_util.h"
#include "route/router.h"

namespace bantam {
namespace {

// ------------------------------------------------------------------------------------- what there is none of, or no
// use

// Fields that mean something we cannot do: refused, because a client that sends one counts on it.
Status RefuseOthers(const JsonObject& body, std::string& at) {
  struct Refused {
    const char* key;
    const char* why;
  };
  static constexpr Refused kRefused[] = {
      {"previous_response_id",
       "no response is stored here (\"store\" is false in the reply): send the whole "
       "conversation as \"input\", the output of that response among it"},
      {"conversation", "no conversation is stored here: send all of it as \"input\""},
      {"prompt", "no prompts are stored here: send \"instructions\" and \"input\""},
  };
  for (const Refused& refused : kRefused) {
    at = refused.key;
    if (IsThere(body, refused.key)) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is not supported: {}", refused.key, refused.why);
    }
  }
  at = "background";
  BANTAM_TRY(const bool background, body.BoolOr("background", false));
  if (background) {
    return Err(ErrorCode::kInvalidArgument,
               "\"background\" is not supported: the reply is the answer, in events with \"stream\"");
  }
  at = "top_logprobs";
  BANTAM_TRY(const int64_t top, body.IntOr("top_logprobs", 0, 0, 20));
  bool wants_logprobs = top > 0;
  if (IsThere(body, "include")) {
    at = "include";
    BANTAM_TRY(const json::array* const included, body.Array("include"));
    wants_logprobs |= std::ranges::find(*included, json::value("message.output_text.logprobs")) != included->end();
  }
  if (!wants_logprobs) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "\"{}\" asks for log probabilities, which are not told here: /v1/chat/completions tells them", at);
}

// ----------------------------------------------------------------------------------------------------------- the tools

// {"type": "function", "name", "description", "parameters", "strict"}
Status ReadTool(const JsonObject& tool, const std::string& place, ToolRequest& request, std::string& at) {
  BANTAM_RETURN_IF_ERROR(CheckToolType(tool, place, at));
  return AddFunction(tool, place, "parameters", request, at);
}

// Null: no tool may be called.
Result<std::shared_ptr<const ToolRequest>> ReadResponsesTools(const JsonObject& body, std::string& at) {
  BANTAM_TRY(const std::shared_ptr<ToolRequest> request, ReadToolList(body, ReadTool, at));
  at = "parallel_tool_calls";
  BANTAM_TRY(request->parallel, body.BoolOr("parallel_tool_calls", true));
  BANTAM_TRY(const ToolChoice choice, ReadToolChoice(body, *request, at));
  if (choice == ToolChoice::kObject) {
    BANTAM_TRY(const JsonObject object, body.Object("tool_choice"));
    at = "tool_choice.name";
    BANTAM_TRY(const std::string name, object.String("name"));
    BANTAM_RETURN_IF_ERROR(ChooseFunction(name, *request));
  }
  return choice == ToolChoice::kNone ? nullptr : std::shared_ptr<const ToolRequest>(request);
}

// -------------------------------------------------------------------------------------------------- the form of the
// text

// "text": {"format": {"type": "text" | "json_object" | "json_schema", "schema": ...}}. Null: any text.
Result<json::value> ReadFormat(const JsonObject& body, std::string& at) {
  at = "text";
  if (!IsThere(body, "text")) return json::value();
  BANTAM_TRY(const JsonObject text, body.Object("text"));
  at = "text.format";
  if (!IsThere(text, "format")) return json::value();
  BANTAM_TRY(const JsonObject format, text.Object("format"));
  at = "text.format.type";
  BANTAM_TRY(const std::string type, format.String("type"));
  if (type == "text") return json::value();
  if (type == "json_object") return json::value(json::object{{"type", "object"}});
  if (type != "json_schema") {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is \"{}\", expected text, json_object or json_schema", at,
               EscapeForTerminal(type, 40));
  }
  at = "text.format.schema";
  BANTAM_RETURN_IF_ERROR(format.Object("schema"));
  return *format.Find("schema");
}

Status HoldToFormat(const JsonObject& body, ResponsesText& text, std::string& at) {
  BANTAM_TRY(const json::value schema, ReadFormat(body, at));
  if (schema.is_null()) return Ok();
  at = "text.format";
  BANTAM_TRY(text.call.constraint, HoldToSchema(schema, *text.model->generator, at));
  if (text.tools == nullptr) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "\"tools\" and \"text.format\" both say what the text must be: send one of them, or \"tool_choice\": "
             "\"none\"");
}

// The same for a large model, in the words of the chat endpoint.
json::value ChatFormat(const json::object& format) {
  if (format.at("type") != "json_schema") return json::object{{"type", format.at("type")}};
  json::object schema;
  for (const char* key : {"name", "description", "schema", "strict"}) {
    if (const json::value* value = format.if_contains(key)) schema[key] = *value;
  }
  return json::object{{"type", "json_schema"}, {"json_schema", std::move(schema)}};
}

// ------------------------------------------------------------------------------------------------------------ the rest

// 0: as many as there is room for.
Result<int> ReadMaxTokens(const JsonObject& body, std::string& at) {
  at = "max_output_tokens";
  if (!IsThere(body, "max_output_tokens")) return 0;
  BANTAM_TRY(const int64_t tokens, body.Int("max_output_tokens", 1, kMostTokens));
  return static_cast<int>(tokens);
}

// "reasoning": {"effort": ...}: "none" and how much. Nothing: as the model likes. One that cannot think answers
// without.
Status ReadReasoning(const JsonObject& body, std::string& effort, std::string& at) {
  at = "reasoning";
  if (!IsThere(body, "reasoning")) return Ok();
  BANTAM_TRY(const JsonObject reasoning, body.Object("reasoning"));
  at = "reasoning.effort";
  BANTAM_TRY(effort, reasoning.StringOr("effort", ""));
  static constexpr std::string_view kEfforts[] = {"", "none", "minimal", "low", "medium", "high", "xhigh", "max"};
  if (std::ranges::find(kEfforts, effort) != std::end(kEfforts)) return Ok();
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is \"{}\", expected none, minimal, low, medium, high, xhigh or max",
             at, EscapeForTerminal(effort, 40));
}

// What a reply repeats, with the defaults of what was not sent.
Result<json::object> ReadEcho(const JsonObject& body, std::string& at) {
  const auto sent = [&](const char* key, json::value otherwise) {
    return IsThere(body, key) ? *body.Find(key) : std::move(otherwise);
  };
  at = "metadata";
  if (IsThere(body, "metadata")) BANTAM_RETURN_IF_ERROR(body.Object("metadata"));
  at = "tools";
  if (IsThere(body, "tools")) BANTAM_RETURN_IF_ERROR(body.Array("tools"));
  at = "parallel_tool_calls";
  BANTAM_TRY(const bool parallel, body.BoolOr("parallel_tool_calls", true));
  json::object text{{"format", json::object{{"type", "text"}}}};
  if (IsThere(body, "text")) {
    for (const auto& [key, value] : body.Find("text")->get_object()) {
      if (!value.is_null()) text[key] = value;
    }
  }
  return json::object{{"background", false},
                      {"instructions", sent("instructions", nullptr)},
                      {"max_output_tokens", sent("max_output_tokens", nullptr)},
                      {"max_tool_calls", nullptr},
                      {"metadata", sent("metadata", json::object())},
                      {"parallel_tool_calls", parallel},
                      {"previous_response_id", nullptr},
                      {"reasoning", sent("reasoning", json::object{{"effort", nullptr}, {"summary", nullptr}})},
                      {"store", false},
                      {"temperature", sent("temperature", 1)},
                      {"text", std::move(text)},
                      {"tool_choice", sent("tool_choice", "auto")},
                      {"tools", sent("tools", json::array())},
                      {"top_logprobs", 0},
                      {"top_p", sent("top_p", 1)},
                      {"truncation", "disabled"}};
}

// What models and the assistant are asked alike.
struct Common {
  int max_tokens = 0;
  std::string effort;
  bool stream = false;
};
Result<Common> ReadCommon(const JsonObject& body, std::string& at) {
  BANTAM_RETURN_IF_ERROR(RefuseOthers(body, at));
  Common common;
  BANTAM_TRY(common.max_tokens, ReadMaxTokens(body, at));
  BANTAM_RETURN_IF_ERROR(ReadReasoning(body, common.effort, at));
  at = "stream";
  BANTAM_TRY(common.stream, body.BoolOr("stream", false));
  return common;
}

}  // namespace

Result<ResponsesText> ReadResponsesText(const ApiContext& context, const JsonObject& body, const HttpRequest& http,
                                        std::string& at) {
  ResponsesText text;
  BANTAM_TRY(text.model, FindChatModel(context, body, at));
  BANTAM_TRY(const Common common, ReadCommon(body, at));
  text.stream = common.stream;
  const Generator& generator = *text.model->generator;
  GenerateCall& call = text.call;
  call.max_tokens = common.max_tokens;
  BANTAM_RETURN_IF_ERROR(ReadSampling(body, context, http, call, at));
  BANTAM_RETURN_IF_ERROR(ReadAdapters(body, *text.model, call, at));
  BANTAM_TRY(text.tools, ReadResponsesTools(body, at));
  BANTAM_RETURN_IF_ERROR(HoldToFormat(body, text, at));
  ChatInput input;
  std::optional<bool> thinks;
  if (!common.effort.empty()) thinks = common.effort != "none";
  if (TellThoughtsApart(text, thinks, input.variables) && thinks.value_or(false)) {
    input.variables["reasoning_effort"] = common.effort;
  }
  BANTAM_TRY(text.echo, ReadEcho(body, at));
  BANTAM_TRY(const json::array messages, ReadResponsesInput(body, at));
  BANTAM_RETURN_IF_ERROR(MakeChatPrompt(generator, {messages, text.tools.get()}, input, call, at, &text.in_thought));
  at = "input";
  BANTAM_RETURN_IF_ERROR(CheckLength(generator, call.prompt_ids->size()));
  return text;
}

Result<AssistantCall> ReadResponsesCall(Router& router, const JsonObject& body, std::string& at) {
  AssistantCall call;
  BANTAM_TRY(const Common common, ReadCommon(body, at));
  call.stream = common.stream;
  json::object& passed = call.request.upstream_parameters;
  BANTAM_RETURN_IF_ERROR(PassNumbers(body, passed, at));
  BANTAM_RETURN_IF_ERROR(PassSettings(body, passed, at));
  if (common.max_tokens > 0) passed["max_completion_tokens"] = common.max_tokens;
  if (!common.effort.empty()) passed["reasoning_effort"] = common.effort;
  BANTAM_TRY(const json::value schema, ReadFormat(body, at));
  if (!schema.is_null()) passed["response_format"] = ChatFormat(body.Find("text")->at("format").as_object());
  BANTAM_TRY(json::object echo, ReadEcho(body, at));
  BANTAM_TRY(const json::array messages, ReadResponsesInput(body, at));
  call.request.messages = ChatMessagesOf(messages);
  call.writer = [stream = common.stream, model = router.file().name, echo = std::move(echo)](const HttpRequest& http,
                                                                                             Responder& responder) {
    return NewResponseWriter(
        responder,
        {.request_id = http.request_id, .model = model, .created = std::time(nullptr), .stream = stream, .echo = echo});
  };
  return call;
}

}  // namespace bantam
