// "input" and "instructions" of POST /v1/decisions as texts: OpenAI's messages, calls of tools and parts.
#pragma once

#include <string>

#include "base/json.h"

namespace bantam {

// A text, or a list of messages, calls and outputs of tools. One message of a user is its text; of more each begins
// with who said it.
Result<std::string> ReadDecisionInput(const json::value& input, std::string& at);

// A text, or a list of parts of text and JSON, in lines. `at` is where it stands.
Result<std::string> ReadDecisionParts(const json::value& content, std::string& at);

}  // namespace bantam
