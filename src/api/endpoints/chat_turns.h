// A conversation in the form that chat templates expect, put together from APIs that send it as blocks or items: what
// an assistant thought, said and called in one turn is one message.
//
//   ChatTurns turns;
//   turns.Say("user", "Will it rain?");
//   turns.Call("call_1", "weather", json::object{{"city", "Bonn"}});
//   turns.Answer("call_1", "Yes.");
//   json::array messages = turns.Take();
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "route/types.h"

namespace bantam {

class ChatTurns {
 public:
  // join: what anybody says in several messages in a row becomes one, not what the assistant says alone.
  explicit ChatTurns(bool join = false) : join_(join) {}
  void Say(std::string_view role, std::string_view text);
  // Of the assistant, before what it says or calls.
  void Think(std::string_view thought);
  void Call(std::string_view id, std::string_view name, json::value arguments);
  // What a call came to.
  void Answer(std::string_view id, std::string_view text);

  // The last message is the assistant's and says something, without calls.
  bool ends_with_answer() const;
  json::array Take() { return std::exchange(messages_, {}); }

 private:
  json::object& Assistant();

  const bool join_;
  json::array messages_;
  std::map<std::string, std::string, std::less<>> names_;  // of calls, by their ids
};

// The same for the assistant of a route file, which reads texts.
std::vector<ChatMessage> ChatMessagesOf(const json::array& messages);

}  // namespace bantam
