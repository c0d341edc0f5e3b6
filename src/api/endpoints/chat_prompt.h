// From the messages of a chat to the prompt that a model gets, for all APIs that chat.
#pragma once

#include <string>

#include "api/context.h"
#include "api/endpoints/tool_request.h"
#include "base/json.h"
#include "tasks/generate.h"

namespace bantam {

// "messages" as a template expects them: roles that it knows, contents that are texts, arguments of calls as objects.
Result<json::array> ReadChatMessages(const JsonObject& body, std::string& at);

// The model that "model" names, if it can chat; without "model" the only one that generates text.
Result<ServedModelPtr> FindChatModel(const ApiContext& context, const JsonObject& body, std::string& at);

struct ChatTurn {
  const json::array& messages;         // of ReadChatMessages, or in the same form
  const ToolRequest* tools = nullptr;  // null: no function may be called
  bool continues = false;              // the last message is the assistant's, and the text goes on with it
};

// The prompt, and what its text is held to where functions may be called. in_thought: null, or gets whether the prompt
// ends in a thought that the model goes on with.
Status MakeChatPrompt(const Generator& generator, const ChatTurn& turn, ChatInput& input, GenerateCall& call,
                      std::string& at, bool* in_thought = nullptr);

}  // namespace bantam
