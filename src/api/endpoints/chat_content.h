// What the APIs that chat have in common: the text of a message.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json.h"

namespace bantam {

inline constexpr size_t kMaxMessages = 4096;

// system, developer, user, assistant, tool, function.
bool IsChatRole(std::string_view role);

// A string, or parts of these types with a "text", a line each. `place` begins the messages of errors.
Result<std::string> TextOfParts(const json::value& content, std::span<const std::string_view> types,
                                std::string_view place);

// "content" of the message at `index`: a string, or parts of the type "text"; empty where there is none.
Result<std::string> ContentText(const JsonObject& message, size_t index);

}  // namespace bantam
