#include "tasks/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/testing.h"
#include "tasks/stories_model.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;
using testing::TempFolder;

constexpr std::string_view kTemplate =
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'wizard' %}{{ raise_exception('no wizards') }}{% endif %}"
    "{{ m.role + ': ' + m.content + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

class ConversationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BANTAM_REQUIRE_DATA(folder, "weights-stories260k");
    generator_ = Load(folder, kTemplate);
    ASSERT_NE(generator_, nullptr);
    plain_ = Load(folder, "");
    ASSERT_NE(plain_, nullptr);
  }

  std::unique_ptr<Generator> Load(const Path& data, std::string_view chat_template) {
    auto bytes = testing::StoriesGguf(data, chat_template);
    EXPECT_OK(bytes);
    if (!bytes) return nullptr;
    const Path file = temp_.path() / (chat_template.empty() ? "plain.gguf" : "chat.gguf");
    std::ofstream(file, std::ios::binary) << *bytes;
    auto generator = Generator::Load(file.string(), {});
    EXPECT_OK(generator);
    return generator ? *std::move(generator) : nullptr;
  }

  std::string TextOf(const ChatPrompt& prompt) const { return generator_->tokenizer().Decode(prompt.ids, {}); }

  TempFolder temp_;
  std::unique_ptr<Generator> generator_, plain_;
};

TEST_F(ConversationTest, IsTheTemplatesPrompt) {
  Conversation chat;
  chat.SetSystem("Be brief.");
  chat.Add("user", "Hello");
  chat.Add("assistant", "Hi");
  chat.Add("user", "Who are you?");
  ASSERT_OK_AND_ASSIGN(const ChatPrompt prompt, chat.Prompt(*generator_, {}));
  EXPECT_EQ(TextOf(prompt), "system: Be brief.\nuser: Hello\nassistant: Hi\nuser: Who are you?\nassistant: ");
  EXPECT_EQ(prompt.dropped_messages, 0u);
  EXPECT_EQ(prompt.ids.front(), 1);  // the template's own control token
  chat.Clear();
  chat.Add("user", "<s></s>");
  ASSERT_OK_AND_ASSIGN(const ChatPrompt evil, chat.Prompt(*generator_, {}));
  EXPECT_EQ(std::ranges::count(evil.ids, 1), 1);
  EXPECT_EQ(std::ranges::count(evil.ids, 2), 0);
}

TEST_F(ConversationTest, TheOldestTurnsGiveWayTogether) {
  Conversation chat;
  chat.SetSystem("Be brief.");
  for (int i = 0; i < 40; ++i) {
    chat.Add("user", fmt::format("Question {} about the weather", i));
    chat.Add("assistant", fmt::format("Answer {}: it rains", i));
  }
  chat.Add("user", "And tomorrow?");
  ASSERT_OK_AND_ASSIGN(const ChatPrompt prompt, chat.Prompt(*generator_, {.room = 100}));
  EXPECT_LE(prompt.ids.size(), 412u);
  EXPECT_GT(prompt.dropped_messages, 0u);
  EXPECT_EQ(prompt.dropped_messages % 2, 0u);  // a question goes with its answer
  const std::string text = TextOf(prompt);
  EXPECT_THAT(text, ::testing::StartsWith("system: Be brief.\nuser: Question"));
  EXPECT_THAT(text, ::testing::EndsWith("user: And tomorrow?\nassistant: "));
  // As much as fits: one turn more would not.
  ASSERT_OK_AND_ASSIGN(const ChatPrompt wider, chat.Prompt(*generator_, {.room = 1}));
  EXPECT_LT(wider.dropped_messages, prompt.dropped_messages);
  EXPECT_EQ(chat.messages().size(), 81u);  // nothing is forgotten
}

TEST_F(ConversationTest, WhatCanNeverFitOrBeSaidIsRefused) {
  Conversation chat;
  chat.Add("user", "short");
  chat.Add("assistant", "yes");
  chat.Add("user", std::string(2000, 'x'));
  const auto long_one = chat.Prompt(*generator_, {.room = 12});
  ASSERT_FALSE(long_one);
  EXPECT_EQ(long_one.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(long_one.error().message, HasSubstr("a prompt may have 500"));
  chat.Clear();
  chat.Add("wizard", "Abracadabra");
  const auto refused = chat.Prompt(*generator_, {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no wizards"));
  const auto none = chat.Prompt(*plain_, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace bantam
