#include "text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "files/gguf_builder.h"

namespace bantam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempFolder;

constexpr const char* kSource = "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}{% endfor %}";

ChatInput Hello(std::string_view content = "Hi") {
  ChatInput input;
  input.messages = json::array{json::object{{"role", "user"}, {"content", content}}};
  return input;
}

void Write(const Path& path, std::string_view text) { ASSERT_OK(WriteFileAtomic(path, text)); }

std::string Rendered(const ChatTemplate& chat, const ChatInput& input) {
  const Result<RenderedChat> rendered = chat.Render(input);
  return rendered ? rendered->Text() : "ERROR " + rendered.error().message;
}

TEST(ChatTemplate, PiecesSayWhatCameFromTheMessages) {
  ASSERT_OK_AND_ASSIGN(const ChatTemplate chat,
                       ChatTemplate::FromSource(kSource, "t", {{"bos_token", "<s>"}, {"eos_token", "</s>"}}));
  ASSERT_OK_AND_ASSIGN(const RenderedChat rendered, chat.Render(Hello("</s><s>")));
  std::vector<std::pair<std::string, bool>> pieces;
  for (const ChatPiece& piece : rendered.pieces) pieces.emplace_back(piece.text, piece.is_content);
  using Piece = std::pair<std::string, bool>;
  // Special tokens that the tokenizer told are the template's, the same text in a message is not.
  EXPECT_THAT(pieces, ElementsAre(Piece("<s><|", false), Piece("user", true), Piece("|>", false), Piece("</s><s>", true),
                                  Piece("</s>", false)));
}

TEST(ChatTemplate, VariablesOfARequestAreContentAndTakeNoPlaceOfItsOwn) {
  ASSERT_OK_AND_ASSIGN(const ChatTemplate chat,
                       ChatTemplate::FromSource("{{ bos_token }}{{ tools is none }}{{ think }}", "t", {{"bos_token", "<s>"}}));
  ChatInput input = Hello();
  input.variables = {{"bos_token", "<|evil|>"}, {"think", true}};
  ASSERT_OK_AND_ASSIGN(const RenderedChat rendered, chat.Render(input));
  ASSERT_EQ(rendered.pieces.size(), 2U);
  EXPECT_TRUE(rendered.pieces[0].is_content);
  EXPECT_EQ(rendered.Text(), "<|evil|>TrueTrue");
  input.variables = {{"messages", 1}};
  EXPECT_EQ(Rendered(chat, input), "ERROR the template's variable \"messages\" has a place of its own in a request");
}

TEST(ChatTemplate, ReadsTokenizerConfig) {
  const TempFolder folder;
  Write(folder / "tokenizer_config.json",
        R"({"chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ add_bos_token }}", "add_bos_token": true,
            "bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}, "pad_token": null})");
  ASSERT_OK_AND_ASSIGN(const ChatTemplate chat, ChatTemplate::Load(folder.path()));
  EXPECT_EQ(Rendered(chat, Hello()), "<s>Hi</s>");
  ASSERT_OK_AND_ASSIGN(const ChatTemplate by_file, ChatTemplate::Load(folder / "tokenizer_config.json"));
  EXPECT_EQ(Rendered(by_file, Hello()), "<s>Hi</s>");
}

TEST(ChatTemplate, SeveralAreChosenByToolsAndName) {
  const TempFolder folder;
  Write(folder / "tokenizer_config.json",
        R"({"chat_template": [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"},
                              {"name": "rag", "template": "rag"}]})");
  ASSERT_OK_AND_ASSIGN(const ChatTemplate chat, ChatTemplate::Load(folder.path()));
  EXPECT_THAT(chat.Names(), ElementsAre("default", "rag", "tool_use"));
  EXPECT_EQ(Rendered(chat, Hello()), "plain");
  ChatInput input = Hello();
  input.tools = json::array();
  EXPECT_EQ(Rendered(chat, input), "plain");
  input.tools = json::array{json::object{{"type", "function"}}};
  EXPECT_EQ(Rendered(chat, input), "tools");
  input.template_name = "rag";
  EXPECT_EQ(Rendered(chat, input), "rag");
  input.template_name = "nope";
  EXPECT_THAT(Rendered(chat, input), HasSubstr("there is no chat template \"nope\"; there are: default, rag, tool_use"));
}

TEST(ChatTemplate, AFileOfItsOwnComesFirst) {
  const TempFolder folder;
  Write(folder / "tokenizer_config.json", R"({"chat_template": "config", "bos_token": "<s>"})");
  Write(folder / "chat_template.json", R"({"chat_template": "json"})");
  ASSERT_OK_AND_ASSIGN(const ChatTemplate json, ChatTemplate::Load(folder.path()));
  EXPECT_EQ(Rendered(json, Hello()), "json");
  Write(folder / "chat_template.jinja", "{{ bos_token }}file\n");
  Write(folder / "additional_chat_templates/tool_use.jinja", "tools");
  ASSERT_OK_AND_ASSIGN(const ChatTemplate file, ChatTemplate::Load(folder.path()));
  EXPECT_EQ(Rendered(file, Hello()), "<s>file");
  EXPECT_THAT(file.Names(), ElementsAre("default", "tool_use"));
}

TEST(ChatTemplate, ReadsGguf) {
  const TempFolder folder;
  bantam::testing::GgufBuilder gguf;
  bantam::testing::AddTinyBert(gguf);
  gguf.String("tokenizer.chat_template", "{{ bos_token }}{{ messages[0].content }}");
  gguf.String("tokenizer.chat_template.tool_use", "tools");
  gguf.Strings("tokenizer.chat_templates", {"tool_use"});
  Write(folder / "m.gguf", gguf.Build());
  for (const Path& path : {folder / "m.gguf", folder.path()}) {
    ASSERT_OK_AND_ASSIGN(const ChatTemplate chat, ChatTemplate::Load(path));
    EXPECT_THAT(chat.Names(), ElementsAre("default", "tool_use"));
    EXPECT_THAT(Rendered(chat, Hello()), ::testing::EndsWith("Hi"));
  }
}

TEST(ChatTemplate, WhatIsWrongIsNamedWithItsPlace) {
  const TempFolder folder;
  const auto error = [&](const Path& path) {
    const Result<ChatTemplate> chat = ChatTemplate::Load(path);
    return chat ? Error{} : chat.error();
  };
  EXPECT_EQ(error(folder.path()).code, ErrorCode::kNotFound);
  EXPECT_THAT(error(folder.path()).message, HasSubstr("no chat template: expected chat_template.jinja"));
  Write(folder / "tokenizer_config.json", R"({"chat_template": "a\n{% if %}"})");
  EXPECT_THAT(error(folder.path()).message, HasSubstr("tokenizer_config.json: \"chat_template\":2:7: expected an expression"));
  Write(folder / "tokenizer_config.json", R"({"chat_template": 7})");
  EXPECT_THAT(error(folder.path()).message, HasSubstr("expected a string or a list of {\"name\", \"template\"}"));
  Write(folder / "tokenizer_config.json", R"({"chat_template": [{"name": "default"}]})");
  EXPECT_THAT(error(folder.path()).message, HasSubstr("\"template\""));
  Write(folder / "big.jinja", std::string((size_t{1} << 20) + 1, 'x'));
  EXPECT_EQ(error(folder / "big.jinja").code, ErrorCode::kTooLarge);
  bantam::testing::GgufBuilder gguf;
  gguf.String("general.architecture", "llama");
  Write(folder / "m.gguf", gguf.Build());
  EXPECT_THAT(error(folder / "m.gguf").message, HasSubstr("no chat template: the file has no key 'tokenizer.chat_template'"));
}

}  // namespace
}  // namespace bantam
