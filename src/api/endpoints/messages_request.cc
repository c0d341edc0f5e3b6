#include "api/endpoints/messages_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/endpoints/chat_content.h"
#include "api/endpoints/chat_prompt.h"
#include "api/endpoints/chat_request.h"
#include "api/endpoints/chat_turns.h"
#include "api/endpoints/generate_request.h"
#include "api/endpoints/held_output.h"
#include "api/endpoints/lora_request.h"
#include "api/endpoints/messages_reply.h"
#include "api/endpoints/parse.h"
#include "base/text_util.h"
#include "route/router.h"

namespace bantam {
namespace {

constexpr std::string_view kText[] = {"text"};

// ------------------------------------------------------------------------------------------------------- the messages

Status ReadToolUse(const JsonObject& block, const std::string& place, ChatTurns& turns, std::string& at) {
  at = place + ".id";
  BANTAM_TRY(const std::string id, block.String("id"));
  at = place + ".name";
  BANTAM_TRY(const std::string name, block.String("name"));
  at = place + ".input";
  BANTAM_TRY(const JsonObject input, block.Object("input"));
  turns.Call(id, name, input.raw());
  return Ok();
}

Status ReadToolResult(const JsonObject& block, const std::string& place, ChatTurns& turns, std::string& at) {
  at = place + ".tool_use_id";
  BANTAM_TRY(const std::string id, block.String("tool_use_id"));
  at = place + ".content";
  std::string text;
  if (IsThere(block, "content")) {
    BANTAM_TRY(text, TextOfParts(*block.Find("content"), kText, at));
  }
  turns.Answer(id, text);
  return Ok();
}

// Thoughts come back with the answers that they led to. What is "redacted" nobody here could read.
Status ReadBlock(const json::value& sent, std::string_view role, const std::string& place, ChatTurns& turns,
                 std::string& at) {
  at = place;
  BANTAM_TRY(const JsonObject block, JsonObject::From(sent, place));
  at = place + ".type";
  BANTAM_TRY(const std::string type, block.String("type"));
  const bool is_assistant = role == "assistant";
  if (type == "text") {
    at = place + ".text";
    BANTAM_TRY(const std::string text, block.String("text"));
    turns.Say(role, text);
    return Ok();
  }
  if (type == "tool_use" && is_assistant) return ReadToolUse(block, place, turns, at);
  if (type == "tool_result" && role == "user") return ReadToolResult(block, place, turns, at);
  if (type == "thinking" && is_assistant) {
    at = place + ".thinking";
    BANTAM_TRY(const std::string thought, block.String("thinking"));
    turns.Think(thought);
    return Ok();
  }
  if (type == "redacted_thinking" && is_assistant) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "\"{}\" is \"{}\" in a message of the role \"{}\": models here read text; \"text\" is understood, of the "
             "user \"tool_result\", and of the assistant \"tool_use\" and \"thinking\"",
             at, EscapeForTerminal(type, 40), role);
}

Status ReadMessage(const JsonObject& message, const std::string& place, ChatTurns& turns, std::string& at) {
  at = place + ".role";
  BANTAM_TRY(const std::string role, message.String("role"));
  static constexpr std::string_view kRoles[] = {"user", "assistant", "system"};
  if (std::ranges::find(kRoles, role) == std::end(kRoles)) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is \"{}\", expected user, assistant or system", at,
               EscapeForTerminal(role, 40));
  }
  at = place + ".content";
  const json::value* content = message.Find("content");
  if (content != nullptr && content->is_string()) {
    turns.Say(role, content->get_string());
    return Ok();
  }
  BANTAM_TRY(const json::array* const blocks, message.Array("content"));
  for (size_t i = 0; i < blocks->size(); ++i) {
    BANTAM_RETURN_IF_ERROR(ReadBlock((*blocks)[i], role, fmt::format("{}.content[{}]", place, i), turns, at));
  }
  return Ok();
}

Status ReadTurns(const JsonObject& body, ChatTurns& turns, std::string& at) {
  at = "system";
  if (IsThere(body, "system")) {
    BANTAM_TRY(const std::string text, TextOfParts(*body.Find("system"), kText, at));
    if (!text.empty()) turns.Say("system", text);
  }
  at = "messages";
  BANTAM_TRY(const json::array* const messages, body.Array("messages"));
  if (messages->empty() || messages->size() > kMaxMessages) {
    return Err(ErrorCode::kInvalidArgument, "\"messages\" has {} entries, expected 1 to {}", messages->size(),
               kMaxMessages);
  }
  for (size_t i = 0; i < messages->size(); ++i) {
    const std::string place = fmt::format("messages[{}]", i);
    at = place;
    BANTAM_TRY(const JsonObject message, JsonObject::From((*messages)[i], place));
    BANTAM_RETURN_IF_ERROR(ReadMessage(message, place, turns, at));
  }
  at = "messages";
  return Ok();
}

// ----------------------------------------------------------------------------------------------------------- the tools

// {"name", "description", "input_schema", "strict"}; tools that Anthropic's own servers run have another type.
Status ReadTool(const JsonObject& tool, const std::string& place, ToolRequest& request, std::string& at) {
  at = place + ".type";
  BANTAM_TRY(const std::string type, tool.StringOr("type", "custom"));
  if (type != "custom") {
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" is \"{}\": it is run by Anthropic's servers; models here call tools of the type \"custom\", "
               "which the client runs",
               at, EscapeForTerminal(type, 40));
  }
  return AddFunction(tool, place, "input_schema", request, at);
}

// Null: no tool may be called.
Result<std::shared_ptr<const ToolRequest>> ReadMessagesTools(const JsonObject& body, std::string& at) {
  BANTAM_TRY(const std::shared_ptr<ToolRequest> request, ReadToolList(body, ReadTool, at));
  std::string type = "auto", name;
  at = "tool_choice";
  if (IsThere(body, "tool_choice")) {
    BANTAM_TRY(const JsonObject choice, body.Object("tool_choice"));
    at = "tool_choice.disable_parallel_tool_use";
    BANTAM_TRY(const bool one, choice.BoolOr("disable_parallel_tool_use", false));
    request->parallel = !one;
    at = "tool_choice.type";
    BANTAM_TRY(type, choice.String("type"));
    at = "tool_choice.name";
    if (type == "tool") {
      BANTAM_TRY(name, choice.String("name"));
    }
  }
  if (type == "tool") {
    BANTAM_RETURN_IF_ERROR(ChooseFunction(name, *request));
  } else if (type == "any") {
    at = "tool_choice";
    BANTAM_RETURN_IF_ERROR(RequireCalls(*request, type));
  } else if (type != "auto" && type != "none") {
    at = "tool_choice.type";
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is \"{}\", expected \"auto\", \"any\", \"tool\" or \"none\"", at,
               EscapeForTerminal(type, 40));
  }
  const bool may_call = type != "none" && !request->functions.empty();
  return may_call ? std::shared_ptr<const ToolRequest>(request) : nullptr;
}

// ------------------------------------------------------------------------------------------------------------ the rest

// {"type": "enabled", "budget_tokens": ...}, "adaptive", "between_tools" or "disabled". A model that cannot think
// answers without: a client that asks for thoughts does not count on any.
Status ReadThinking(const JsonObject& body, MessagesText& text, json::object& variables, std::string& at) {
  at = "thinking";
  std::string type = "disabled", display;
  if (IsThere(body, "thinking")) {
    BANTAM_TRY(const JsonObject thinking, body.Object("thinking"));
    at = "thinking.type";
    BANTAM_TRY(type, thinking.String("type"));
    at = "thinking.display";
    BANTAM_TRY(display, thinking.StringOr("display", "summarized"));
  }
  static constexpr std::string_view kTypes[] = {"disabled", "enabled", "adaptive", "between_tools"};
  if (std::ranges::find(kTypes, type) == std::end(kTypes)) {
    at = "thinking.type";
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" is \"{}\", expected \"enabled\", \"adaptive\", \"between_tools\" or \"disabled\"", at,
               EscapeForTerminal(type, 40));
  }
  const bool wanted = type != "disabled";
  text.shows_thoughts = wanted && display != "omitted";
  TellThoughtsApart(text, wanted, variables);
  return Ok();
}

// "output_config": {"format": {"type": "json_schema", "schema": ...}}
Status ReadOutputConfig(const JsonObject& body, MessagesText& text, std::string& at) {
  at = "output_config";
  if (!IsThere(body, "output_config")) return Ok();
  BANTAM_TRY(const JsonObject config, body.Object("output_config"));
  at = "output_config.format";
  if (!IsThere(config, "format")) return Ok();
  BANTAM_TRY(const JsonObject object, config.Object("format"));
  at = "output_config.format.type";
  BANTAM_TRY(const std::string type, object.String("type"));
  if (type != "json_schema") {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is \"{}\", expected \"json_schema\"", at,
               EscapeForTerminal(type, 40));
  }
  at = "output_config.format.schema";
  BANTAM_TRY(const JsonObject schema, object.Object("schema"));
  BANTAM_TRY(text.call.constraint, HoldToSchema(*object.Find("schema"), *text.model->generator, at));
  if (text.tools == nullptr) return Ok();
  at = "output_config.format";
  return Err(ErrorCode::kInvalidArgument,
             "\"tools\" and \"output_config.format\" both say what the text must be: send one of them, or "
             "\"tool_choice\": {{\"type\": \"none\"}}");
}

Result<int> ReadMaxTokens(const JsonObject& body, std::string& at) {
  at = "max_tokens";
  BANTAM_TRY(const int64_t tokens, body.Int("max_tokens", 1, kMostTokens));
  return static_cast<int>(tokens);
}

Result<bool> ReadStream(const JsonObject& body, std::string& at) {
  at = "stream";
  return body.BoolOr("stream", false);
}

}  // namespace

Result<json::array> ReadMessagesAlone(const JsonObject& body, std::string& at) {
  ChatTurns turns(true);
  BANTAM_RETURN_IF_ERROR(ReadTurns(body, turns, at));
  return turns.Take();
}

Result<MessagesText> ReadMessagesText(const ApiContext& context, const JsonObject& body, const HttpRequest& http,
                                      bool counts, std::string& at) {
  MessagesText text;
  text.call_id_prefix = "toolu_";
  BANTAM_TRY(text.model, FindChatModel(context, body, at));
  const Generator& generator = *text.model->generator;
  GenerateCall& call = text.call;
  if (!counts) {
    BANTAM_TRY(call.max_tokens, ReadMaxTokens(body, at));
    BANTAM_RETURN_IF_ERROR(ReadSampling(body, context, http, call, at));
    BANTAM_RETURN_IF_ERROR(ReadAdapters(body, *text.model, call, at));
    if (body.Has("stop_sequences")) {
      BANTAM_TRY(call.stop, ReadStopTexts(body, "stop_sequences", "stop_sequences", at));
    }
    BANTAM_TRY(text.stream, ReadStream(body, at));
  }
  BANTAM_TRY(text.tools, ReadMessagesTools(body, at));
  BANTAM_RETURN_IF_ERROR(ReadOutputConfig(body, text, at));
  ChatInput input;
  BANTAM_RETURN_IF_ERROR(ReadThinking(body, text, input.variables, at));
  ChatTurns turns(true);
  BANTAM_RETURN_IF_ERROR(ReadTurns(body, turns, at));
  const bool continues = turns.ends_with_answer();
  const json::array messages = turns.Take();
  const ChatTurn turn{messages, text.tools.get(), continues};
  BANTAM_RETURN_IF_ERROR(MakeChatPrompt(generator, turn, input, call, at, &text.in_thought));
  at = "messages";
  if (!counts) BANTAM_RETURN_IF_ERROR(CheckLength(generator, call.prompt_ids->size()));
  return text;
}

Result<AssistantCall> ReadMessagesCall(Router& router, const JsonObject& body, std::string& at) {
  AssistantCall call;
  BANTAM_TRY(const json::array messages, ReadMessagesAlone(body, at));
  call.request.messages = ChatMessagesOf(messages);
  json::object& passed = call.request.upstream_parameters;
  BANTAM_RETURN_IF_ERROR(ReadMaxTokens(body, at));
  BANTAM_RETURN_IF_ERROR(PassNumbers(body, passed, at));
  BANTAM_TRY(const std::vector<std::string> stops, ReadStopTexts(body, "stop_sequences", "stop_sequences", at));
  if (!stops.empty()) passed["stop"] = json::array(stops.begin(), stops.end());
  BANTAM_TRY(call.stream, ReadStream(body, at));
  call.writer = [stream = call.stream, model = router.file().name](const HttpRequest& http, Responder& responder) {
    return NewMessageWriter(responder, {.request_id = http.request_id, .model = model, .stream = stream});
  };
  return call;
}

}  // namespace bantam
