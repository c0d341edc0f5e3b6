// bantam template: messages through a model's chat template, to see what the model is given.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "files/model_store.h"
#include "text/chat_template.h"

namespace bantam::cli {
namespace {

constexpr uint64_t kMaxInputBytes = uint64_t{64} << 20;

struct Options {
  std::string model;
  std::string messages = "-";
  std::string tools, documents, name, now;
  std::vector<std::string> variables, tokens;
  bool generation_prompt = true;
  bool json = false;
  bool ids = false;
  bool source = false;
  bool batch = false;
};

Result<Path> FindTemplate(const std::string& reference) {
  std::error_code ignored;
  if (reference.find('/') != std::string::npos || reference == "." || std::filesystem::exists(reference, ignored)) {
    return Path(reference);
  }
  return FindModel(reference);
}

Result<std::string> ReadInput(const std::string& file) {
  if (file != "-") return ReadFile(file, kMaxInputBytes);
  std::string out, buffer(size_t{1} << 16, '\0');
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read", "standard input", errno);
    if (got == 0) return out;
    out.append(buffer, 0, static_cast<size_t>(got));
    if (out.size() > kMaxInputBytes) {
      return Err(ErrorCode::kTooLarge, "standard input: more than {}", HumanBytes(kMaxInputBytes));
    }
  }
}

Result<json::value> ReadJson(const std::string& file) {
  BANTAM_TRY(const std::string text, ReadInput(file));
  return ParseJson(text, file == "-" ? "standard input" : EscapeForTerminal(file, 400));
}

Result<std::pair<std::string, std::string>> SplitPair(const std::string& pair, std::string_view option) {
  const size_t equals = pair.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Err(ErrorCode::kInvalidArgument, "{} \"{}\": expected NAME=VALUE", option, EscapeForTerminal(pair));
  }
  return std::pair(pair.substr(0, equals), pair.substr(equals + 1));
}

// "2024-07-26", optionally with "T12:30:00".
Result<std::tm> ParseTime(const std::string& text) {
  std::tm out{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%d", &out);
  if (end != nullptr && *end == 'T') end = ::strptime(end + 1, "%H:%M:%S", &out);
  if (end == nullptr || *end != '\0') {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is no time: expected 2024-07-26 or 2024-07-26T12:30:00",
               EscapeForTerminal(text));
  }
  out.tm_isdst = -1;
  std::mktime(&out);  // the day of the week
  return out;
}

// The members of a chat request: {"messages": [...], "tools": [...], ...}, or its list of messages alone.
Status TakeRequest(const json::value& document, std::string_view place, ChatInput& input) {
  if (document.is_array()) {
    input.messages = document;
    return Ok();
  }
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, place));
  if (const json::value* found = object.Find("messages")) input.messages = *found;
  if (const json::value* found = object.Find("tools")) input.tools = *found;
  if (const json::value* found = object.Find("documents")) input.documents = *found;
  if (object.Has("add_generation_prompt")) {
    BANTAM_TRY(input.add_generation_prompt, object.Bool("add_generation_prompt"));
  }
  if (object.Has("chat_template_kwargs")) {
    BANTAM_TRY(const JsonObject variables, object.Object("chat_template_kwargs"));
    input.variables = variables.raw();
  }
  return Ok();
}

json::object PiecesOf(const RenderedChat& chat) {
  json::array pieces;
  for (const ChatPiece& piece : chat.pieces) {
    pieces.push_back(json::object{{"text", piece.text}, {"content", piece.is_content}});
  }
  return {{"text", chat.Text()}, {"pieces", std::move(pieces)}};
}

// One line of --batch. What it does not say comes from the command line.
Result<RenderedChat> RenderLine(const json::value& line, const std::optional<ChatTemplate>& loaded, ChatInput input) {
  BANTAM_RETURN_IF_ERROR(TakeRequest(line, "the line", input));
  if (line.is_array()) {
    if (!loaded) return Err(ErrorCode::kInvalidArgument, "the line has no \"template\", and no model is named");
    return loaded->Render(input);
  }
  BANTAM_TRY(const JsonObject object, JsonObject::From(line, "the line"));
  BANTAM_TRY(const std::string now, object.StringOr("now", ""));
  if (!now.empty()) {
    BANTAM_TRY(const std::tm time, ParseTime(now));
    input.now = time;
  }
  if (!object.Has("template")) {
    if (!loaded) return Err(ErrorCode::kInvalidArgument, "the line has no \"template\", and no model is named");
    return loaded->Render(input);
  }
  ChatTemplate::Tokens tokens;
  if (object.Has("special_tokens")) {
    BANTAM_TRY(const JsonObject given, object.Object("special_tokens"));
    for (const auto& [name, value] : given.raw()) {
      BANTAM_TRY(tokens[std::string(name)], given.String(name));
    }
  }
  BANTAM_TRY(const std::string source, object.String("template"));
  BANTAM_TRY(const ChatTemplate parsed, ChatTemplate::FromSource(source, "template", std::move(tokens)));
  return parsed.Render(input);
}

Status RunBatch(const Options& options, const std::optional<ChatTemplate>& loaded, const ChatInput& input) {
  BANTAM_TRY(LineReader reader, LineReader::Open(options.messages));
  for (size_t number = 1;;) {
    BANTAM_TRY(const std::vector<std::string> lines, reader.Next(256));
    if (lines.empty()) return Ok();
    std::string out;
    for (const std::string& line : lines) {
      const Result<json::value> document = ParseJson(line, fmt::format("line {}", number++));
      Result<RenderedChat> chat = document ? RenderLine(*document, loaded, input) : document.error();
      out +=
          ToJson(chat ? json::value(PiecesOf(*chat))
                      : json::value{{"error",
                                     {{"code", ErrorCodeName(chat.error().code)}, {"message", chat.error().message}}}});
      out += '\n';
    }
    BANTAM_RETURN_IF_ERROR(Print(out));
  }
}

Status RunTemplate(const Options& options) {
  std::optional<ChatTemplate> chat;
  if (!options.model.empty()) {
    BANTAM_TRY(const Path path, FindTemplate(options.model));
    BANTAM_TRY(ChatTemplate loaded, ChatTemplate::Load(path));
    for (const std::string& pair : options.tokens) {
      BANTAM_TRY(const auto token, SplitPair(pair, "--token"));
      loaded.SetToken(token.first, token.second);
    }
    chat = std::move(loaded);
  } else if (!options.batch) {
    return Err(ErrorCode::kInvalidArgument, "no model or template is named; see bantam template --help");
  }
  if (options.source) {
    const std::string name = options.name.empty() ? std::string(ChatTemplate::kDefault) : options.name;
    const std::string_view source = chat ? chat->Source(name) : std::string_view();
    if (!source.empty()) return Print(source);
    std::string names;
    for (const std::string& each : chat ? chat->Names() : std::vector<std::string>())
      names += " " + EscapeForTerminal(each);
    return Err(ErrorCode::kNotFound, "there is no chat template \"{}\"; there are:{}", EscapeForTerminal(name), names);
  }

  ChatInput input;
  input.add_generation_prompt = options.generation_prompt;
  input.template_name = options.name;
  if (!options.now.empty()) {
    BANTAM_TRY(const std::tm time, ParseTime(options.now));
    input.now = time;
  }
  if (options.batch) return RunBatch(options, chat, input);
  BANTAM_TRY(const json::value request, ReadJson(options.messages));
  BANTAM_RETURN_IF_ERROR(TakeRequest(request, options.messages, input));
  if (!options.generation_prompt) input.add_generation_prompt = false;
  if (!options.tools.empty()) {
    BANTAM_TRY(input.tools, ReadJson(options.tools));
  }
  if (!options.documents.empty()) {
    BANTAM_TRY(input.documents, ReadJson(options.documents));
  }
  for (const std::string& pair : options.variables) {
    BANTAM_TRY(const auto variable, SplitPair(pair, "--set"));
    const Result<json::value> value = ParseJson(variable.second, "--set");
    input.variables[variable.first] = value ? *value : json::value(variable.second);
  }
  BANTAM_TRY(const RenderedChat rendered, chat->Render(input));
  json::object answer = PiecesOf(rendered);
  if (options.ids) {
    BANTAM_TRY(const Path path, FindTemplate(options.model));
    BANTAM_TRY(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(path));
    json::array ids;
    for (const int32_t id : EncodeChat(*tokenizer, rendered).ids) ids.emplace_back(id);
    if (!options.json) return Print(ToJson(json::object{{"ids", std::move(ids)}}) + "\n");
    answer["ids"] = std::move(ids);
  }
  return Print(options.json ? ToJson(answer) + "\n" : rendered.Text());
}

}  // namespace

Run SetUpTemplate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option(
         "MODEL", options->model,
         "A model in the store, or by path a model's folder, a GGUF file, tokenizer_config.json or a .jinja file")
      ->type_name("MODEL|DIR|FILE");
  app.add_option("--messages", options->messages,
                 "A JSON file: a list of messages or a whole chat request; standard input without")
      ->type_name("FILE");
  app.add_option("--tools", options->tools, "A JSON file: the list of tools")->type_name("FILE");
  app.add_option("--documents", options->documents, "A JSON file: documents to answer from")->type_name("FILE");
  app.add_option("--set", options->variables,
                 "NAME=VALUE, a variable of the template, as JSON or else as a string; may be repeated");
  app.add_option("--token", options->tokens, "NAME=TEXT, a special token, where the model's files do not say it");
  app.add_option("--name", options->name, "Which template, where a model has several");
  app.add_option("--now", options->now, "The time that the template is told, such as 2024-07-26T12:30:00");
  app.add_flag("!--no-generation-prompt", options->generation_prompt,
               "Do not end with the beginning of the assistant's answer");
  app.add_flag("--json", options->json, "The prompt in pieces, each said to be the template's or from the messages");
  app.add_flag("--ids", options->ids,
               "The prompt's token ids, by the tokenizer beside the template, as 'tokenize --decode' reads them");
  app.add_flag("--source", options->source, "Print the template instead");
  app.add_flag(
      "--batch", options->batch,
      "A request a line in, a JSON object a line out; lines may bring \"template\", \"special_tokens\", \"now\"");
  app.footer(
      "Prints the prompt that the model is given, exactly as transformers' apply_chat_template makes it.\n"
      "Text from messages never becomes a control token; --json shows which text that is.\n\n"
      "Examples:\n"
      "  echo '[{\"role\": \"user\", \"content\": \"Hello\"}]' | bantam template ./Qwen3-0.6B\n"
      "  bantam template model.gguf --messages chat.json --tools tools.json --set enable_thinking=false\n"
      "  bantam template chat_template.jinja --messages chat.json --token bos_token='<s>' --json\n"
      "  bantam template model.gguf --messages chat.json --ids | bantam tokenize --decode --model model.gguf\n"
      "  bantam template model.gguf --source");
  return [options] { return RunTemplate(*options); };
}

}  // namespace bantam::cli
