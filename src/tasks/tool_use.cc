#include "tasks/tool_use.h"

#include <vector>

namespace bantam {
namespace {

std::string AllSources(const ChatTemplate& chat) {
  std::string all;
  for (const std::string& name : chat.Names()) all += chat.Source(name);
  return all;
}

// Whether the template takes the messages, and writes all of these words.
bool Writes(const ChatTemplate& chat, json::array messages, json::value tools,
            std::initializer_list<std::string_view> words) {
  ChatInput input;
  input.messages = std::move(messages);
  input.tools = std::move(tools);
  const Result<RenderedChat> rendered = chat.Render(input);
  if (!rendered) return false;
  const std::string text = rendered->Text();
  for (const std::string_view word : words) {
    if (text.find(word) == std::string::npos) return false;
  }
  return true;
}

json::object Message(std::string_view role, std::string_view content) { return {{"role", role}, {"content", content}}; }

// The function objects alone.
json::array FunctionsOf(const json::value& tools) {
  json::array functions;
  for (const json::value& tool : tools.get_array()) functions.push_back(tool.at("function"));
  return functions;
}

std::string_view TextOf(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

void Append(json::object& message, std::string_view text, std::string_view between) {
  std::string content(TextOf(message, "content"));
  if (!content.empty()) content += between;
  message["content"] = content.append(text);
}

// The calls of a message as the model would have written them.
std::string WriteCalls(const tools::ToolFormat& format, const json::array& calls) {
  std::vector<tools::MadeCall> made;
  static const json::value none = json::object{};
  for (const json::value& call : calls) {
    const json::object* object = call.if_object();
    const json::value* function = object == nullptr ? nullptr : object->if_contains("function");
    if (function == nullptr || !function->is_object()) continue;
    const json::value* arguments = function->get_object().if_contains("arguments");
    made.push_back({.id = TextOf(*object, "id"),
                    .name = TextOf(function->get_object(), "name"),
                    .arguments = arguments == nullptr ? &none : arguments});
  }
  return format.Write(made);
}

void ArgumentsAsText(json::value& calls) {
  for (json::value& call : calls.get_array()) {
    json::object* object = call.if_object();
    json::value* function = object == nullptr ? nullptr : object->if_contains("function");
    json::object* named = function == nullptr ? nullptr : function->if_object();
    json::value* arguments = named == nullptr ? nullptr : named->if_contains("arguments");
    if (arguments != nullptr && !arguments->is_string()) *arguments = ToJson(*arguments);
  }
}

}  // namespace

ToolUse::ToolUse(const ChatTemplate& chat) : format_(tools::FindToolFormat({.template_source = AllSources(chat)})) {
  const std::string source = AllSources(chat);
  thinks_ = source.find("<think>") != std::string::npos && source.find("</think>") != std::string::npos;
  constexpr std::string_view kName = "bantamprobe", kKey = "bantamkey", kValue = "bantamvalue";
  const json::object user = Message("user", "Hello");
  const json::value tools = json::array{json::object{
      {"type", "function"},
      {"function", json::object{{"name", kName},
                                {"description", "Probes."},
                                {"parameters", json::object{{"type", "object"}, {"properties", json::object{}}}}}}}};
  knows_system_ = Writes(chat, {Message("system", kValue), user}, nullptr, {kValue});
  if (format_.in_template()) {
    writes_tools_ = Writes(chat, {user}, tools, {kName});
    json::object system = Message("system", "");
    system["tools"] = ToJson(FunctionsOf(tools));
    tools_in_system_ = !writes_tools_ && Writes(chat, {system, user}, nullptr, {kName});
  }
  const auto conversation = [&](json::value arguments, bool with_result) {
    json::object call = Message("assistant", "");
    call["tool_calls"] =
        json::array{json::object{{"id", "abcdefghi"},
                                 {"type", "function"},
                                 {"function", json::object{{"name", kName}, {"arguments", std::move(arguments)}}}}};
    json::array messages{user, std::move(call)};
    if (!with_result) return messages;
    json::object result = Message("tool", kValue);
    result["tool_call_id"] = "abcdefghi";
    result["name"] = kName;
    messages.push_back(std::move(result));
    return messages;
  };
  const json::value object = json::object{{kKey, 1}};
  const json::value text(ToJson(object));
  writes_results_ = Writes(chat, conversation(object, true), nullptr, {kValue}) ||
                    Writes(chat, conversation(text, true), nullptr, {kValue});
  if (!format_.in_template()) return;  // calls in a format that we do not read would teach it to the model
  writes_calls_ = Writes(chat, conversation(object, false), nullptr, {kName, kKey});
  if (writes_calls_) return;
  arguments_as_text_ = writes_calls_ = Writes(chat, conversation(text, false), nullptr, {kName, kKey});
}

json::value ToolUse::TemplateTools(const json::value& tools) const { return writes_tools_ ? tools : nullptr; }

void ToolUse::AddInstruction(const ToolPrompt& prompt, json::array& messages) const {
  const bool has_system = !messages.empty() && TextOf(messages.front().get_object(), "role") == "system";
  if (tools_in_system_) {
    if (!has_system) messages.insert(messages.begin(), Message("system", ""));
    messages.front().get_object()["tools"] = ToJson(FunctionsOf(*prompt.tools));
    return;
  }
  std::string text = "You can call these functions, one in each line:\n<tools>\n";
  for (const json::value& function : FunctionsOf(*prompt.tools)) text += ToJson(function) + "\n";
  text += "</tools>\n" + format_.Instruction(prompt.parallel) + "\n";
  text += prompt.required ? "Answer with nothing but calls." : "If none of them helps, answer in plain text.";
  if (has_system) return Append(messages.front().get_object(), text, "\n\n");
  if (knows_system_) {
    messages.insert(messages.begin(), Message("system", text));
    return;
  }
  for (json::value& message : messages) {
    json::object& object = message.get_object();
    if (TextOf(object, "role") != "user") continue;
    object["content"] = text + "\n\n" + std::string(TextOf(object, "content"));
    return;
  }
}

json::array ToolUse::Messages(const json::array& messages, const ToolPrompt& prompt) const {
  json::array out;
  bool after_result = false;
  for (const json::value& sent : messages) {
    json::object message = sent.get_object();
    json::value* calls = message.if_contains("tool_calls");
    if (calls != nullptr && calls->is_array()) {
      if (!writes_calls_) {
        Append(message, WriteCalls(format_, calls->get_array()), "\n");
        message.erase("tool_calls");
      } else if (arguments_as_text_) {
        ArgumentsAsText(*calls);
      }
    }
    const bool is_result = TextOf(message, "role") == "tool" && !writes_results_;
    if (is_result) {
      const std::string text = fmt::format("<tool_response>\n{}\n</tool_response>", TextOf(message, "content"));
      // Results of several calls are one turn: roles must alternate for many templates.
      if (after_result) {
        Append(out.back().get_object(), text, "\n");
        continue;
      }
      message = Message("user", text);
    }
    after_result = is_result;
    out.push_back(std::move(message));
  }
  const bool has_tools = prompt.tools != nullptr && prompt.tools->is_array();
  if (has_tools && !writes_tools_) AddInstruction(prompt, out);
  return out;
}

}  // namespace bantam
