// Calling functions with one model: which format it writes, and prompts for it, where its chat template does not know
// of functions, of calls that were made or of their results.
//
//   const ToolUse use(chat_template);
//   input.messages = use.Messages(messages, {.tools = tools, .parallel = true});
//   input.tools = use.TemplateTools(tools);
#pragma once

#include "text/chat_template.h"
#include "text/tool_calls/tool_format.h"

namespace bantam {

struct ToolPrompt {
  // OpenAI's list, {"type": "function", "function": {"name", "description", "parameters"}}; null: none may be called.
  const json::value* tools = nullptr;
  bool required = false, parallel = true;
};

// Immutable: any thread.
class ToolUse {
 public:
  // Renders a few short conversations to see what the template does with them.
  explicit ToolUse(const ChatTemplate& chat);

  const tools::ToolFormat& format() const { return format_; }
  // "<think>" and "</think>" where the model's template knows them, else "".
  std::string_view thought_opening() const { return thinks_ ? "<think>" : ""; }
  std::string_view thought_closing() const { return thinks_ ? "</think>" : ""; }

  // Messages as the template can write them. A message's "tool_calls" have arguments that are objects.
  json::array Messages(const json::array& messages, const ToolPrompt& prompt) const;
  // What the template is given as "tools": null where it would not know what to do with them.
  json::value TemplateTools(const json::value& tools) const;

 private:
  void AddInstruction(const ToolPrompt& prompt, json::array& messages) const;

  const tools::ToolFormat& format_;
  bool thinks_ = false;
  bool writes_tools_ = false;       // the template writes "tools"
  bool tools_in_system_ = false;    // ... of the system's message
  bool writes_calls_ = false;       // ... the calls of a message
  bool arguments_as_text_ = false;  // whose arguments it wants as JSON
  bool writes_results_ = false;     // ... messages of the role "tool"
  bool knows_system_ = false;       // ... of the role "system"
};

}  // namespace bantam
