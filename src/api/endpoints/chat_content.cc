#include "api/endpoints/chat_content.h"

#include <algorithm>

namespace bantam {

bool IsChatRole(std::string_view role) {
  static constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool", "function"};
  return std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles);
}

Result<std::string> ContentText(const JsonObject& message, size_t index) {
  const json::value* content = message.Find("content");
  if (content == nullptr || content->is_null()) return std::string();  // an assistant turn that only called tools
  if (content->is_string()) return std::string(content->get_string());
  if (!content->is_array())
    return Err(ErrorCode::kInvalidArgument, "\"messages[{}].content\" must be a string or an array of parts", index);
  std::string text;
  for (const json::value& part : content->get_array()) {
    const json::object* object = part.if_object();
    const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
    const json::value* piece = object == nullptr ? nullptr : object->if_contains("text");
    if (type == nullptr || !type->is_string() || type->get_string() != "text" || piece == nullptr ||
        !piece->is_string()) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"messages[{}].content\": only parts of type \"text\" are understood here", index);
    }
    if (!text.empty()) text += '\n';
    text += std::string_view(piece->get_string());
  }
  return text;
}

}  // namespace bantam
