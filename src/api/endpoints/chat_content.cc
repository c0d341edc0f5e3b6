#include "api/endpoints/chat_content.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text_util.h"

namespace bantam {

bool IsChatRole(std::string_view role) {
  static constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool", "function"};
  return std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles);
}

Result<std::string> TextOfParts(const json::value& content, std::span<const std::string_view> types,
                                std::string_view place) {
  if (content.is_string()) return std::string(content.get_string());
  if (!content.is_array())
    return Err(ErrorCode::kInvalidArgument, "\"{}\" must be a string or an array of parts", place);
  std::string text;
  for (const json::value& part : content.get_array()) {
    const json::object* object = part.if_object();
    const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
    const json::value* piece = object == nullptr ? nullptr : object->if_contains("text");
    const bool known = type != nullptr && type->is_string() &&
                       std::ranges::find(types, std::string_view(type->get_string())) != types.end();
    if (!known || piece == nullptr || !piece->is_string()) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\": only parts of type \"{}\" are understood here{}", place,
                 fmt::join(types, "\" and \""),
                 known || type == nullptr ? "" : fmt::format(", and one is {}", EscapeForTerminal(ToJson(*type), 40)));
    }
    if (!text.empty()) text += '\n';
    text += std::string_view(piece->get_string());
  }
  return text;
}

Result<std::string> ContentText(const JsonObject& message, size_t index) {
  static constexpr std::string_view kTypes[] = {"text"};
  const json::value* content = message.Find("content");
  if (content == nullptr || content->is_null()) return std::string();  // an assistant turn that only called tools
  return TextOfParts(*content, kTypes, fmt::format("messages[{}].content", index));
}

}  // namespace bantam
