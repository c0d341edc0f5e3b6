// What the assistant's chat and a model's have in common: the text of a message.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace bantam {

inline constexpr size_t kMaxMessages = 4096;

// system, developer, user, assistant, tool, function.
bool IsChatRole(std::string_view role);

// "content" of the message at `index`: a string, or parts of the type "text", a line each; empty where there is none.
Result<std::string> ContentText(const JsonObject& message, size_t index);

}  // namespace bantam
