// "tools", "tool_choice" and "parallel_tool_calls" of a chat request, as OpenAI's clients send them.
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

// What holds the text to calls that are valid. `prompt`: the end of the prompt's text tells whether a thought is open.
Result<std::shared_ptr<const grammar::Constraint>> ConstrainCalls(const Generator& generator,
                                                                  const ToolRequest& request, std::string_view prompt);

}  // namespace bantam
