#include "api/endpoints/chat_turns.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

TEST(ChatTurns, WhatAnAssistantDoesInOneTurnIsOneMessage) {
  ChatTurns turns;
  turns.Say("user", "Will it rain?");
  turns.Think("I should look.");
  turns.Say("assistant", "Let me look.");
  turns.Call("a", "weather", json::object{{"city", "Bonn"}});
  turns.Call("b", "weather", json::object{{"city", "Ulm"}});
  EXPECT_FALSE(turns.ends_with_answer());
  turns.Answer("b", "Yes.");
  turns.Say("assistant", "It will in Ulm.");
  EXPECT_TRUE(turns.ends_with_answer());
  EXPECT_EQ(ToJson(turns.Take()),
            R"([{"role":"user","content":"Will it rain?"},)"
            R"({"role":"assistant","content":"Let me look.","reasoning_content":"I should look.","tool_calls":[)"
            R"({"id":"a","type":"function","function":{"name":"weather","arguments":{"city":"Bonn"}}},)"
            R"({"id":"b","type":"function","function":{"name":"weather","arguments":{"city":"Ulm"}}}]},)"
            R"({"role":"tool","content":"Yes.","tool_call_id":"b","name":"weather"},)"
            R"({"role":"assistant","content":"It will in Ulm."}])");
}

TEST(ChatTurns, OthersAreJoinedWhereThatIsAskedFor) {
  for (const bool join : {false, true}) {
    ChatTurns turns(join);
    turns.Say("user", "Hello.");
    turns.Say("user", "Will it rain?");
    const std::vector<ChatMessage> messages = ChatMessagesOf(turns.Take());
    ASSERT_EQ(messages.size(), join ? 1u : 2u);
    EXPECT_EQ(messages.back().content, join ? "Hello.\nWill it rain?" : "Will it rain?");
    EXPECT_FALSE(turns.ends_with_answer());
  }
}

}  // namespace
}  // namespace bantam
