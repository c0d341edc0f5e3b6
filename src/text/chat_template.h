// A model's chat template: messages to the prompt that the model was trained on, exactly as transformers renders it, in
// our own interpreter (jinja/), which runs no code but the template's and stays within limits.
//
//   BANTAM_TRY(const ChatTemplate chat, ChatTemplate::Load(folder_or_gguf));
//   BANTAM_TRY(const RenderedChat prompt, chat.Render({.messages = messages, .tools = tools}));
//   const Encoding encoding = EncodeChat(*tokenizer, prompt);
//
// The prompt comes in pieces: scaffolding, which the template wrote and which may spell control tokens ("<|im_end|>"),
// and content, which came in with the messages and must never become one, whatever it says.
#pragma once

#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_io.h"
#include "base/json.h"
#include "text/jinja/template.h"
#include "text/tokenizer.h"

namespace bantam {

class GgufFile;

struct ChatPiece {
  std::string text;  // not empty; neighbours differ in kind
  bool is_content = false;
};

struct RenderedChat {
  std::vector<ChatPiece> pieces;
  std::string Text() const;  // all of them
};

// The ids of the whole prompt; its template has put the special tokens around. Only scaffolding gives a special token's
// id; apart from that the ids are those of the text as one, so that a prompt reads as in training.
Encoding EncodeChat(const Tokenizer& tokenizer, const RenderedChat& chat, size_t max_tokens = 0);

struct ChatInput {
  json::value messages;   // [{"role": ..., "content": ...}, ...]
  json::value tools;      // null: none
  json::value documents;  // null: none
  bool add_generation_prompt = true;
  json::object variables;     // what else the template may ask for ("enable_thinking"); content as well
  std::string template_name;  // of several; empty: "tool_use" where there are tools and it exists, else "default"
  std::optional<std::tm> now = std::nullopt;  // what strftime_now tells; otherwise the local time
};

// Of steps, depth, output and memory of one render; jinja/heap.h has the defaults.
using ChatTemplateLimits = jinja::Limits;

// Immutable: any thread may render.
class ChatTemplate {
 public:
  static constexpr std::string_view kDefault = "default";
  using Tokens = std::map<std::string, std::string, std::less<>>;  // "bos_token" -> "<s>"

  // A model's folder (chat_template.jinja, chat_template.json or tokenizer_config.json), one of these files, a GGUF
  // file, or a file of Jinja. kNotFound where there is no template. The special tokens come from beside it.
  static Result<ChatTemplate> Load(const Path& path);
  // That of a GGUF file that is open already.
  static Result<ChatTemplate> FromGguf(const GgufFile& file);
  // `name` begins the errors. `tokens` are variables of the template that count as its own text.
  static Result<ChatTemplate> FromSource(std::string_view source, std::string name, Tokens tokens = {});

  Result<RenderedChat> Render(const ChatInput& input, const ChatTemplateLimits& limits = {}) const;
  // Whether ChatInput::variables may have these names; Render refuses the others, too.
  static Status CheckVariables(const json::object& variables);

  std::vector<std::string> Names() const;
  // "" for a name that is not there.
  std::string_view Source(std::string_view name = kDefault) const;
  const Tokens& tokens() const { return tokens_; }
  // For a file that came without its tokenizer.
  void SetToken(std::string name, std::string text) { tokens_[std::move(name)] = std::move(text); }

 private:
  struct Named {
    std::string source;
    jinja::Template program;
  };
  friend class ChatTemplateReader;

  Status Add(std::string name, std::string_view source, std::string place);
  Result<const Named*> Choose(const ChatInput& input) const;

  std::map<std::string, Named, std::less<>> templates_;
  Tokens tokens_;
  std::string place_;  // for errors
};

}  // namespace bantam
