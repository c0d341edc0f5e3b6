#include "api/endpoints/decision_input.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/endpoints/decision_request.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMaxItems = 4096;

Result<std::string> ReadPart(const JsonObject& part, const std::string& place, std::string& at) {
  at = place + ".type";
  BANTAM_TRY(const std::string type, part.String("type"));
  if (type == "input_text" || type == "output_text") {
    at = place + ".text";
    return part.String("text");
  }
  if (type == "refusal") {
    at = place + ".refusal";
    return part.String("refusal");
  }
  if (type == "input_json") {
    at = place + ".data";
    const json::value* data = part.Find("data");
    if (data == nullptr || !(data->is_object() || data->is_array())) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" must be an object or an array", at);
    }
    return TextOfJson(*data);
  }
  return Err(ErrorCode::kInvalidArgument,
             "\"{}\" is \"{}\": models here read text only, as \"input_text\" and \"input_json\"", at,
             EscapeForTerminal(type, 80));
}

// The text of a call or an output; who said it goes into `speaker`.
Result<std::string> ReadItem(const JsonObject& item, const std::string& place, std::string& speaker, std::string& at) {
  at = place + ".type";
  BANTAM_TRY(const std::string type, item.StringOr("type", "message"));
  const char* content = "content";
  if (type == "message") {
    at = place + ".role";
    BANTAM_TRY(speaker, item.String("role"));
    static constexpr std::string_view kRoles[] = {"user", "developer", "system", "assistant"};
    if (std::ranges::find(kRoles, speaker) == std::end(kRoles)) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is \"{}\", expected user, developer, system or assistant", at,
                 EscapeForTerminal(speaker, 80));
    }
  } else if (type == "function_call" || type == "custom_tool_call") {
    at = place + ".name";
    BANTAM_TRY(const std::string name, item.String("name"));
    speaker = fmt::format("call of {}", name);
    content = type == "function_call" ? "arguments" : "input";
  } else if (type == "function_call_output" || type == "custom_tool_call_output") {
    speaker = "output";
    content = "output";
  } else {
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" is \"{}\", expected message, function_call, function_call_output, custom_tool_call or "
               "custom_tool_call_output",
               at, EscapeForTerminal(type, 80));
  }
  at = fmt::format("{}.{}", place, content);
  const json::value* value = item.Find(content);
  if (value == nullptr) return Err(ErrorCode::kInvalidArgument, "\"{}\" is missing", at);
  return ReadDecisionParts(*value, at);
}

}  // namespace

Result<std::string> ReadDecisionParts(const json::value& content, std::string& at) {
  if (content.is_string()) return std::string(content.get_string());
  const json::array* parts = content.if_array();
  if (parts == nullptr || parts->empty() || parts->size() > kMaxItems) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" must be a text or a list of 1 to {} parts", at, kMaxItems);
  }
  const std::string place = at;
  std::string text;
  for (size_t i = 0; i < parts->size(); ++i) {
    const std::string here = fmt::format("{}[{}]", place, i);
    at = here;
    BANTAM_TRY(const JsonObject part, JsonObject::From((*parts)[i], here));
    BANTAM_TRY(const std::string own, ReadPart(part, here, at));
    text += (i > 0 ? "\n" : "") + own;
  }
  return text;
}

Result<std::string> ReadDecisionInput(const json::value& input, std::string& at) {
  at = "input";
  if (input.is_string()) return std::string(input.get_string());
  const json::array* items = input.if_array();
  if (items == nullptr || items->empty() || items->size() > kMaxItems) {
    return Err(ErrorCode::kInvalidArgument, "\"input\" must be a text or a list of 1 to {} messages", kMaxItems);
  }
  std::string text;
  for (size_t i = 0; i < items->size(); ++i) {
    const std::string place = fmt::format("input[{}]", i);
    at = place;
    BANTAM_TRY(const JsonObject item, JsonObject::From((*items)[i], place));
    std::string speaker;
    BANTAM_TRY(const std::string own, ReadItem(item, place, speaker, at));
    if (items->size() == 1 && speaker == "user") return own;
    text += fmt::format("{}{}: {}", i > 0 ? "\n" : "", speaker, own);
  }
  return text;
}

}  // namespace bantam
