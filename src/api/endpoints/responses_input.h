// "instructions" and "input" of /v1/responses as a conversation.
#pragma once

#include <string>

#include "base/json.h"

namespace bantam {

// Messages as chat templates expect them. What models here cannot read is refused by its name.
Result<json::array> ReadResponsesInput(const JsonObject& body, std::string& at);

}  // namespace bantam
