#include "text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/testing.h"
#include "base/text_util.h"
#include "files/gguf_builder.h"

namespace bantam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempFolder;

constexpr const char* kSource =
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}{% endfor %}";

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
  EXPECT_THAT(pieces, ElementsAre(Piece("<s><|", false), Piece("user", true), Piece("|>", false),
                                  Piece("</s><s>", true), Piece("</s>", false)));
}

TEST(ChatTemplate, VariablesOfARequestAreContentAndTakeNoPlaceOfItsOwn) {
  ASSERT_OK_AND_ASSIGN(
      const ChatTemplate chat,
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
  Write(
      folder / "tokenizer_config.json",
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
  EXPECT_THAT(Rendered(chat, input),
              HasSubstr("there is no chat template \"nope\"; there are: default, rag, tool_use"));
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
  EXPECT_THAT(error(folder.path()).message,
              HasSubstr("tokenizer_config.json: \"chat_template\":2:7: expected an expression"));
  Write(folder / "tokenizer_config.json", R"({"chat_template": 7})");
  EXPECT_THAT(error(folder.path()).message, HasSubstr("expected a string or a list of {\"name\", \"template\"}"));
  Write(folder / "tokenizer_config.json", R"({"chat_template": [{"name": "default"}]})");
  EXPECT_THAT(error(folder.path()).message, HasSubstr("\"template\""));
  Write(folder / "big.jinja", std::string((size_t{1} << 20) + 1, 'x'));
  EXPECT_EQ(error(folder / "big.jinja").code, ErrorCode::kTooLarge);
  bantam::testing::GgufBuilder gguf;
  gguf.String("general.architecture", "llama");
  Write(folder / "m.gguf", gguf.Build());
  EXPECT_THAT(error(folder / "m.gguf").message,
              HasSubstr("no chat template: the file has no key 'tokenizer.chat_template'"));
}

struct GoldenTokenizer {
  std::string name;
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<std::string> special;
  bool any_normalized = false;  // special tokens that are found in normalised text
};

std::vector<GoldenTokenizer> GoldenTokenizers() {
  std::vector<GoldenTokenizer> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("src/text/golden")) {
    if (!entry.path().string().ends_with(".tokenizer.json")) continue;
    GoldenTokenizer golden{entry.path().string(), nullptr, {}, false};
    auto loaded = Tokenizer::Load(entry.path());
    auto text = ReadFile(entry.path());
    EXPECT_OK(loaded);
    EXPECT_OK(text);
    golden.tokenizer = *std::move(loaded);
    const json::value document = *ParseJson(*text, golden.name);
    const json::value* added = document.as_object().if_contains("added_tokens");
    for (const json::value& each : added != nullptr && added->is_array() ? added->get_array() : json::array()) {
      if (!each.at("special").as_bool()) continue;
      golden.special.emplace_back(each.at("content").as_string());
      golden.any_normalized |= each.at("normalized").as_bool();
    }
    if (!golden.special.empty()) out.push_back(std::move(golden));
  }
  return out;
}

size_t CountSpecial(const GoldenTokenizer& golden, const std::vector<int32_t>& ids) {
  size_t count = 0;
  for (const std::string& special : golden.special) {
    // The unknown token comes out of ordinary text as well.
    if (special.find("unk") != std::string::npos || special.find("UNK") != std::string::npos) continue;
    count += static_cast<size_t>(std::count(ids.begin(), ids.end(), golden.tokenizer->TokenId(special)));
  }
  return count;
}

TEST(EncodeChat, NoContentBecomesASpecialToken) {
  std::mt19937 random(23);
  size_t tokenizers = 0;
  for (const GoldenTokenizer& golden : GoldenTokenizers()) {
    ++tokenizers;
    const auto special = [&] { return golden.special[random() % golden.special.size()]; };
    for (int i = 0; i < 300; ++i) {
      // Special tokens that are cut in two by the border between template and message, and whole ones on either side.
      RenderedChat chat;
      size_t spelled = 0;
      for (size_t pieces = 1 + random() % 5; pieces > 0; --pieces) {
        std::string scaffolding, content;
        const std::string whole = special(), torn = special();
        if (random() % 2 == 0) scaffolding += whole;
        scaffolding += random() % 2 == 0 ? "\n" : " user ";
        const size_t cut = random() % torn.size();
        if (random() % 2 == 0) {
          scaffolding += torn.substr(0, cut);
          content += torn.substr(cut);
        }
        for (size_t words = random() % 4; words > 0; --words) content += random() % 2 == 0 ? special() : " some text";
        if (random() % 2 == 0) content += special().substr(0, 3);
        if (content.empty() || FirstInvalidUtf8(scaffolding) || FirstInvalidUtf8(content)) content = "x";
        if (FirstInvalidUtf8(scaffolding)) scaffolding = "y";
        // One special token may hold another.
        const EncodeOptions alone{.add_special_tokens = false, .recognize_special_tokens = true};
        spelled += CountSpecial(golden, golden.tokenizer->Encode(scaffolding, alone).ids);
        chat.pieces.push_back({scaffolding, false});
        chat.pieces.push_back({content, true});
      }
      const std::vector<int32_t> ids = EncodeChat(*golden.tokenizer, chat).ids;
      ASSERT_LE(CountSpecial(golden, ids), spelled) << golden.name << ": " << chat.Text();
    }
  }
  EXPECT_GE(tokenizers, 15U);
}

// A prompt without anything odd in its content has the ids that it has as one text with all its special tokens.
TEST(EncodeChat, BordersOfContentAreNoBordersOfTokens) {
  const char* const words[] = {"Hello", " there",       "\n",    "\n\n",    "  ",
                               "don't", "\u6771\u4eac", "12345", "e\u0301", "..."};
  std::mt19937 random(29);
  for (const GoldenTokenizer& golden : GoldenTokenizers()) {
    if (golden.any_normalized) continue;  // there borders of content are borders of words as well
    for (int i = 0; i < 200; ++i) {
      RenderedChat chat;
      for (size_t pieces = 1 + random() % 6; pieces > 0; --pieces) {
        std::string scaffolding, content;
        if (random() % 2 == 0) scaffolding += golden.special[random() % golden.special.size()];
        scaffolding += words[random() % std::size(words)];
        if (random() % 2 == 0) scaffolding += golden.special[random() % golden.special.size()];
        for (size_t count = 1 + random() % 3; count > 0; --count) content += words[random() % std::size(words)];
        chat.pieces.push_back({scaffolding, false});
        chat.pieces.push_back({content, true});
      }
      const EncodeOptions whole{.add_special_tokens = false, .recognize_special_tokens = true};
      ASSERT_EQ(EncodeChat(*golden.tokenizer, chat).ids, golden.tokenizer->Encode(chat.Text(), whole).ids)
          << golden.name << ": " << chat.Text();
    }
  }
}

TEST(EncodeChat, ASpecialTokenThatReachesIntoContentGivesWayToAShorterOne) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::FromJson(R"({"added_tokens":[
      {"id":0,"content":"<a>","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},
      {"id":1,"content":"<a>b","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false}],
      "model":{"type":"BPE","vocab":{"<a>":0,"<a>b":1,"a":2,"b":3,"<":4,">":5},"merges":[]}})",
                                                                 "t"));
  EXPECT_THAT(EncodeChat(*tokenizer, {{{"<a>b", false}}}).ids, ElementsAre(1));
  EXPECT_THAT(EncodeChat(*tokenizer, {{{"<a>", false}, {"b", true}}}).ids, ElementsAre(0, 3));
  EXPECT_THAT(EncodeChat(*tokenizer, {{{"<a", false}, {">b", true}}}).ids, ElementsAre(4, 2, 5, 3));
  EXPECT_THAT(EncodeChat(*tokenizer, {{{"<a>", true}, {"<a>", false}}}).ids, ElementsAre(4, 2, 5, 0));
  // A repaired text has moved: then nothing is special.
  const UntrustedBytes content{0, 1};
  EXPECT_THAT(tokenizer->Encode("\xFF<a>", {.recognize_special_tokens = true, .untrusted = {&content, 1}}).ids,
              ::testing::Not(::testing::Contains(0)));
}

}  // namespace
}  // namespace bantam
