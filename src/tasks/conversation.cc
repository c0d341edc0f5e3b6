#include "tasks/conversation.h"

namespace bantam {
namespace {

bool IsFromUser(const json::object& message) {
  const json::value* role = message.if_contains("role");
  return role != nullptr && role->is_string() && role->get_string() == "user";
}

}  // namespace

void Conversation::Add(std::string_view role, std::string_view content) {
  messages_.push_back(json::object{{"role", role}, {"content", content}});
}

void Conversation::RemoveLast() {
  if (!messages_.empty()) messages_.pop_back();
}

json::array Conversation::From(size_t first) const {
  json::array list;
  if (!system_.empty()) list.push_back(json::object{{"role", "system"}, {"content", system_}});
  for (size_t i = first; i < messages_.size(); ++i) list.push_back(messages_[i]);
  return list;
}

// Whole turns are dropped from the front until the rest fits: rendering is a matter of microseconds, and what is left
// out of a template is not simply what its messages hold.
Result<ChatPrompt> Conversation::Prompt(const Generator& generator, const ChatPromptOptions& options) const {
  const size_t limit = static_cast<size_t>(std::max(generator.engine().max_tokens() - std::max(options.room, 1), 0));
  for (size_t first = 0;;) {
    ChatInput input;
    input.messages = From(first);
    input.variables = options.variables;
    BANTAM_TRY(std::vector<int32_t> ids, generator.ChatPromptIds(input));
    if (ids.size() <= limit) return ChatPrompt{.ids = std::move(ids), .dropped_messages = first};
    size_t next = first + 1;
    while (next < messages_.size() && !IsFromUser(messages_[next])) ++next;
    if (next >= messages_.size()) {
      return Err(ErrorCode::kInvalidArgument,
                 "the last message and what stands before it make {} tokens; a prompt may have {}, so that {} are left "
                 "for the answer",
                 ids.size(), limit, std::max(options.room, 1));
    }
    first = next;
  }
}

}  // namespace bantam
