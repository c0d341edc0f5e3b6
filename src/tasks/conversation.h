// A conversation with a model: what was said, turned into a prompt by the model's chat template, without its oldest
// turns once it has grown too long.
//
//   Conversation chat;
//   chat.SetSystem("Answer in one sentence.");
//   chat.Add("user", "Where is my parcel?");
//   BANTAM_TRY(ChatPrompt prompt, chat.Prompt(generator, {.room = 256}));
//   ... generator.Start({.prompt_ids = prompt.ids}) ...
//   chat.Add("assistant", text);
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tasks/generate.h"

namespace bantam {

struct ChatPrompt {
  std::vector<int32_t> ids;
  size_t dropped_messages = 0;  // the oldest, for which there was no room
};

struct ChatPromptOptions {
  int room = 1;                 // tokens that the answer may need at least
  json::object variables = {};  // what else the template may ask for
};

// Not thread-safe.
class Conversation {
 public:
  // Empty: none, so that the template's own, if it has one, applies.
  void SetSystem(std::string text) { system_ = std::move(text); }
  const std::string& system() const { return system_; }
  // "user", "assistant", "tool", or whatever else the template knows.
  void Add(std::string_view role, std::string_view content);
  // Of OpenAI's shape, with whatever the template may ask for beside role and content.
  void Add(json::object message) { messages_.push_back(std::move(message)); }
  void RemoveLast();
  void Clear() { messages_.clear(); }  // not the system's text
  bool empty() const { return messages_.empty(); }
  const std::vector<json::object>& messages() const { return messages_; }

  // Without room for all of them the oldest turns are left out: a question together with what answered it, so that a
  // prompt begins with a question. The system's text and the last question stay. kInvalidArgument when those alone are
  // too long; what the template says of messages that it refuses; kNotFound without a template.
  Result<ChatPrompt> Prompt(const Generator& generator, const ChatPromptOptions& options) const;

 private:
  json::array From(size_t first) const;

  std::string system_;
  std::vector<json::object> messages_;
};

}  // namespace bantam
