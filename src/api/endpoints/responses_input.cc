#include "api/endpoints/responses_input.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/endpoints/chat_content.h"
#include "api/endpoints/chat_turns.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr std::string_view kParts[] = {"input_text", "output_text"};

Status ReadMessage(const JsonObject& item, const std::string& place, ChatTurns& turns, std::string& at) {
  at = place + ".role";
  BANTAM_TRY(std::string role, item.String("role"));
  static constexpr std::string_view kRoles[] = {"user", "assistant", "system", "developer"};
  if (std::ranges::find(kRoles, role) == std::end(kRoles)) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is \"{}\", expected user, assistant, system or developer", at,
               EscapeForTerminal(role, 40));
  }
  if (role == "developer") role = "system";  // the templates of models know no other word
  at = place + ".content";
  const json::value* content = item.Find("content");
  if (content == nullptr) return Err(ErrorCode::kInvalidArgument, "\"{}\" is missing", at);
  BANTAM_TRY(const std::string text, TextOfParts(*content, kParts, at));
  turns.Say(role, text);
  return Ok();
}

// Templates write the arguments as an object; what is none is passed on as it is.
Status ReadCall(const JsonObject& item, const std::string& place, ChatTurns& turns, std::string& at) {
  at = place + ".call_id";
  BANTAM_TRY(const std::string id, item.String("call_id"));
  at = place + ".name";
  BANTAM_TRY(const std::string name, item.String("name"));
  at = place + ".arguments";
  BANTAM_TRY(const std::string text, item.String("arguments"));
  auto arguments = ParseJson(text.empty() ? "{}" : std::string_view(text), at);
  turns.Call(id, name, arguments ? *std::move(arguments) : json::value(text));
  return Ok();
}

Status ReadOutput(const JsonObject& item, const std::string& place, ChatTurns& turns, std::string& at) {
  at = place + ".call_id";
  BANTAM_TRY(const std::string id, item.String("call_id"));
  at = place + ".output";
  const json::value* output = item.Find("output");
  if (output == nullptr) return Err(ErrorCode::kInvalidArgument, "\"{}\" is missing", at);
  BANTAM_TRY(const std::string text, TextOfParts(*output, kParts, at));
  turns.Answer(id, text);
  return Ok();
}

// Of the thoughts that our own replies tell; a summary is no thought, and what is encrypted nobody here could read.
Status ReadReasoning(const JsonObject& item, const std::string& place, ChatTurns& turns, std::string& at) {
  static constexpr std::string_view kThought[] = {"reasoning_text"};
  at = place + ".content";
  const json::value* content = item.Find("content");
  if (content == nullptr || content->is_null()) return Ok();
  BANTAM_TRY(const std::string text, TextOfParts(*content, kThought, at));
  if (!text.empty()) turns.Think(text);
  return Ok();
}

Status ReadItem(const JsonObject& item, const std::string& place, ChatTurns& turns, std::string& at) {
  at = place + ".type";
  BANTAM_TRY(const std::string type, item.StringOr("type", "message"));
  if (type == "message") return ReadMessage(item, place, turns, at);
  if (type == "function_call") return ReadCall(item, place, turns, at);
  if (type == "function_call_output") return ReadOutput(item, place, turns, at);
  if (type == "reasoning") return ReadReasoning(item, place, turns, at);
  if (type == "item_reference") {
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" is \"item_reference\", but nothing is stored here: send the item itself", at);
  }
  return Err(ErrorCode::kInvalidArgument,
             "\"{}\" is \"{}\"; understood here are message, function_call, function_call_output and reasoning", at,
             EscapeForTerminal(type, 40));
}

}  // namespace

Result<json::array> ReadResponsesInput(const JsonObject& body, std::string& at) {
  ChatTurns turns;
  at = "instructions";
  BANTAM_TRY(const std::string instructions, body.StringOr("instructions", ""));
  if (!instructions.empty()) turns.Say("system", instructions);
  at = "input";
  const json::value* input = body.Find("input");
  if (input != nullptr && input->is_string()) {
    turns.Say("user", input->get_string());
    return turns.Take();
  }
  const json::array* items = input == nullptr ? nullptr : input->if_array();
  if (items == nullptr || items->empty() || items->size() > kMaxMessages) {
    return Err(ErrorCode::kInvalidArgument, "\"input\" must be a text or a list of 1 to {} items", kMaxMessages);
  }
  for (size_t i = 0; i < items->size(); ++i) {
    const std::string place = fmt::format("input[{}]", i);
    at = place;
    BANTAM_TRY(const JsonObject item, JsonObject::From((*items)[i], place));
    BANTAM_RETURN_IF_ERROR(ReadItem(item, place, turns, at));
  }
  at = "input";
  return turns.Take();
}

}  // namespace bantam
