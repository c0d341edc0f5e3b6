#include "text/chat_template.h"

#include "base/text_util.h"

namespace bantam {
namespace {

// What a request's own variables must not take the place of.
constexpr std::string_view kReserved[] = {"messages", "tools", "documents", "add_generation_prompt"};

std::tm LocalTime() {
  const std::time_t now = std::time(nullptr);
  std::tm out{};
  ::localtime_r(&now, &out);
  return out;
}

}  // namespace

std::string RenderedChat::Text() const {
  std::string out;
  for (const ChatPiece& piece : pieces) out += piece.text;
  return out;
}

Encoding EncodeChat(const Tokenizer& tokenizer, const RenderedChat& chat, size_t max_tokens) {
  std::vector<UntrustedBytes> untrusted;
  std::string text;
  for (const ChatPiece& piece : chat.pieces) {
    if (piece.is_content) untrusted.push_back({text.size(), text.size() + piece.text.size()});
    text += piece.text;
  }
  return tokenizer.Encode(text, {.add_special_tokens = false,
                                 .recognize_special_tokens = true,
                                 .untrusted = untrusted,
                                 .max_tokens = max_tokens});
}

Result<ChatTemplate> ChatTemplate::FromSource(std::string_view source, std::string name, Tokens tokens) {
  ChatTemplate out;
  out.place_ = name;
  out.tokens_ = std::move(tokens);
  BANTAM_RETURN_IF_ERROR(out.Add(std::string(kDefault), source, std::move(name)));
  return out;
}

Status ChatTemplate::Add(std::string name, std::string_view source, std::string place) {
  BANTAM_TRY(jinja::Template program, jinja::Template::Parse(source, std::move(place)));
  templates_.insert_or_assign(std::move(name), Named{std::string(source), std::move(program)});
  return Ok();
}

std::vector<std::string> ChatTemplate::Names() const {
  std::vector<std::string> out;
  for (const auto& [name, each] : templates_) out.push_back(name);
  return out;
}

std::string_view ChatTemplate::Source(std::string_view name) const {
  const auto found = templates_.find(name);
  return found == templates_.end() ? std::string_view() : found->second.source;
}

Result<const ChatTemplate::Named*> ChatTemplate::Choose(const ChatInput& input) const {
  std::string_view wanted = input.template_name;
  const bool has_tools = input.tools.is_array() && !input.tools.get_array().empty();
  if (wanted.empty()) wanted = has_tools && templates_.contains("tool_use") ? "tool_use" : kDefault;
  // One template is the default, whatever it is called.
  if (input.template_name.empty() && templates_.size() == 1) return &templates_.begin()->second;
  const auto found = templates_.find(wanted);
  if (found != templates_.end()) return &found->second;
  std::string names;
  for (const auto& [name, each] : templates_) names += (names.empty() ? "" : ", ") + EscapeForTerminal(name);
  return Err(ErrorCode::kNotFound, "{}: there is no chat template \"{}\"; there are: {}", place_,
             EscapeForTerminal(wanted), names);
}

Status ChatTemplate::CheckVariables(const json::object& variables) {
  for (const std::string_view reserved : kReserved) {
    if (!variables.contains(reserved)) continue;
    return Err(ErrorCode::kInvalidArgument, "the template's variable \"{}\" has a place of its own in a request",
               reserved);
  }
  return Ok();
}

Result<RenderedChat> ChatTemplate::Render(const ChatInput& input, const ChatTemplateLimits& limits) const {
  BANTAM_TRY(const Named* const chosen, Choose(input));
  const json::value add_generation_prompt = input.add_generation_prompt;
  std::vector<jinja::Variable> variables;
  std::vector<json::value> token_values;
  token_values.reserve(tokens_.size());
  for (const auto& [name, text] : tokens_) {
    variables.push_back({name, &token_values.emplace_back(text), /*is_content=*/false});
  }
  BANTAM_RETURN_IF_ERROR(CheckVariables(input.variables));
  for (const auto& [name, value] : input.variables) variables.push_back({name, &value});
  if (!input.messages.is_null()) variables.push_back({"messages", &input.messages});
  // Without tools or documents these names are none, not undefined, as transformers has it.
  variables.push_back({"tools", &input.tools});
  variables.push_back({"documents", &input.documents});
  variables.push_back({"add_generation_prompt", &add_generation_prompt});

  const std::tm now = input.now ? *input.now : LocalTime();
  BANTAM_TRY(const jinja::MarkedText text, chosen->program.Render(variables, limits, now));
  RenderedChat out;
  text.ForEachRun([&](size_t begin, size_t end, bool is_content) {
    out.pieces.push_back({std::string(text.view().substr(begin, end - begin)), is_content});
  });
  return out;
}

}  // namespace bantam
