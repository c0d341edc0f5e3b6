// From the messages of a chat to the prompt that a model gets, for all APIs that chat.
#pragma once

#include <string>

#include "api/endpoints/tool_request.h"
#include "base/json.h"
#include "tasks/generate.h"

namespace bantam {

// "messages" as a template expects them: roles that it knows, contents that are texts, arguments of calls as objects.
Result<json::array> ReadChatMessages(const JsonObject& body, std::string& at);

// The prompt, and what its text is held to where functions may be called. tools: null where none may be. in_thought:
// null, or gets whether the prompt ends in a thought that the model goes on with.
Status MakeChatPrompt(const Generator& generator, const json::array& messages, const ToolRequest* tools,
                      ChatInput& input, GenerateCall& call, std::string& at, bool* in_thought = nullptr);

}  // namespace bantam
