#include "api/endpoints/chat_turns.h"

namespace bantam {
namespace {

std::string_view TextAt(const json::object& message, std::string_view key) {
  const json::value* value = message.if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

// In place: a message may have a great many blocks.
void AppendLine(json::object& message, std::string_view key, std::string_view text) {
  json::value& member = message[key];
  if (!member.is_string()) member.emplace_string();
  json::string& whole = member.get_string();
  if (!whole.empty() && !text.empty()) whole.push_back('\n');
  whole.append(text);
}

}  // namespace

void ChatTurns::Say(std::string_view role, std::string_view text) {
  if (role == "assistant") return AppendLine(Assistant(), "content", text);
  if (join_ && !messages_.empty() && TextAt(messages_.back().get_object(), "role") == role) {
    return AppendLine(messages_.back().get_object(), "content", text);
  }
  messages_.push_back(json::object{{"role", role}, {"content", text}});
}

void ChatTurns::Think(std::string_view thought) { AppendLine(Assistant(), "reasoning_content", thought); }

void ChatTurns::Call(std::string_view id, std::string_view name, json::value arguments) {
  names_.insert_or_assign(std::string(id), std::string(name));
  json::value& calls = Assistant()["tool_calls"];
  if (!calls.is_array()) calls = json::array();
  calls.get_array().push_back(
      json::object{{"id", id},
                   {"type", "function"},
                   {"function", json::object{{"name", name}, {"arguments", std::move(arguments)}}}});
}

void ChatTurns::Answer(std::string_view id, std::string_view text) {
  json::object message{{"role", "tool"}, {"content", text}, {"tool_call_id", id}};
  if (const auto name = names_.find(id); name != names_.end()) message["name"] = name->second;
  messages_.push_back(std::move(message));
}

bool ChatTurns::ends_with_answer() const {
  if (messages_.empty()) return false;
  const json::object& last = messages_.back().get_object();
  return TextAt(last, "role") == "assistant" && !last.contains("tool_calls") && !TextAt(last, "content").empty();
}

// The message of its turn, which goes on until someone else speaks.
json::object& ChatTurns::Assistant() {
  if (messages_.empty() || TextAt(messages_.back().get_object(), "role") != "assistant") {
    messages_.push_back(json::object{{"role", "assistant"}, {"content", ""}});
  }
  return messages_.back().get_object();
}

std::vector<ChatMessage> ChatMessagesOf(const json::array& messages) {
  std::vector<ChatMessage> texts;
  for (const json::value& message : messages) {
    const json::object& object = message.get_object();
    texts.push_back({.role = std::string(TextAt(object, "role")), .content = std::string(TextAt(object, "content"))});
  }
  return texts;
}

}  // namespace bantam
