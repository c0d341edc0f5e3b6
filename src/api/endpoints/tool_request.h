// "tools", "tool_choice" and "parallel_tool_calls" of a chat request, as OpenAI's clients send them; and what other
// APIs read theirs with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "tasks/generate.h"

namespace bantam {

struct ToolRequest {
  enum class Choice { kAuto, kRequired, kNamed };
  json::value tools;                           // as the template gets them
  std::vector<tools::ToolFunction> functions;  // those that may be called
  Choice choice = Choice::kAuto;
  bool parallel = true;

  ToolPrompt Prompt() const { return {.tools = &tools, .required = choice != Choice::kAuto, .parallel = parallel}; }
  std::vector<std::string> Names() const;
};

// Null: no tool may be called. kInvalidArgument names the field.
Result<std::shared_ptr<const ToolRequest>> ReadTools(const JsonObject& body, std::string& at);

// ---- For APIs that write the same in other words.

// One of "tools", at `place`.
using ToolReader = Status (*)(const JsonObject& tool, const std::string& place, ToolRequest& request, std::string& at);
Result<std::shared_ptr<ToolRequest>> ReadToolList(const JsonObject& body, ToolReader read, std::string& at);
// "type" must be "function".
Status CheckToolType(const JsonObject& tool, const std::string& place, std::string& at);
// "name", "description", "strict", and a JSON Schema under `schema_key`, of an object at `place`.
Status AddFunction(const JsonObject& sent, const std::string& place, const char* schema_key, ToolRequest& request,
                   std::string& at);
// "tool_choice" of OpenAI's APIs, which agree on its words. kObject: it names a function, each in its own way.
enum class ToolChoice { kNone, kMayCall, kObject };
Result<ToolChoice> ReadToolChoice(const JsonObject& body, ToolRequest& request, std::string& at);
// choice: the word that asks for it.
Status RequireCalls(ToolRequest& request, std::string_view choice);
Status ChooseFunction(std::string_view name, ToolRequest& request);

// What holds the text to calls that are valid. `prompt`: the end of the prompt's text tells whether a thought is open.
Result<std::shared_ptr<const grammar::Constraint>> ConstrainCalls(const Generator& generator,
                                                                  const ToolRequest& request, std::string_view prompt);

}  // namespace bantam
