#include "api/endpoints/tool_request.h"

#include <algorithm>

#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMaxTools = 128;
constexpr size_t kMaxNameBytes = 64;

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
}

Status ReadTool(const json::value& sent, ToolRequest& request, std::string& at) {
  const std::string place = at;
  BANTAM_TRY(const JsonObject tool, JsonObject::From(sent, place));
  at = place + ".type";
  BANTAM_TRY(const std::string type, tool.String("type"));
  if (type != "function") {
    return Err(ErrorCode::kInvalidArgument, "\"{}.type\" is \"{}\"; models here call functions only", place,
               EscapeForTerminal(type, 40));
  }
  at = place + ".function";
  BANTAM_TRY(const JsonObject sent_function, tool.Object("function"));
  at = place + ".function.name";
  tools::ToolFunction function;
  BANTAM_TRY(function.name, sent_function.String("name"));
  if (!IsName(function.name)) {
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" is \"{}\", expected 1 to {} letters of ASCII, digits, \"_\", \"-\" and \".\"", at,
               EscapeForTerminal(function.name, 80), kMaxNameBytes);
  }
  const auto same = [&](const tools::ToolFunction& other) { return other.name == function.name; };
  if (std::ranges::any_of(request.functions, same))
    return Err(ErrorCode::kInvalidArgument, "\"tools\" has two functions \"{}\"", function.name);
  at = place + ".function.description";
  BANTAM_TRY(const std::string description, sent_function.StringOr("description", ""));
  at = place + ".function.strict";
  BANTAM_TRY(function.strict, sent_function.BoolOr("strict", true));
  at = place + ".function.parameters";
  const json::value* parameters = sent_function.Find("parameters");
  if (parameters != nullptr && !parameters->is_null()) {
    BANTAM_TRY(const JsonObject schema, sent_function.Object("parameters"));
    const json::value* kind = schema.Find("type");
    if (kind != nullptr && kind->is_string() && kind->get_string() != "object") {
      return Err(ErrorCode::kInvalidArgument, "\"{}.type\" is {}, expected \"object\": a call has named arguments", at,
                 EscapeForTerminal(ToJson(*kind), 40));
    }
    if (!parameters->get_object().empty()) function.parameters = *parameters;
  }
  // Templates ask for all of these without looking whether they are there.
  json::object shown{{"name", function.name}, {"description", description}};
  shown["parameters"] = function.parameters.is_null()
                            ? json::value(json::object{{"type", "object"}, {"properties", json::object{}}})
                            : function.parameters;
  request.tools.as_array().push_back(json::object{{"type", "function"}, {"function", std::move(shown)}});
  request.functions.push_back(std::move(function));
  return Ok();
}

// "none", "auto", "required", or {"type": "function", "function": {"name": "..."}}. False: no tool may be called.
Result<bool> ReadChoice(const JsonObject& body, ToolRequest& request, std::string& at) {
  at = "tool_choice";
  const json::value* sent = body.Find("tool_choice");
  const bool has_tools = !request.functions.empty();
  if (sent == nullptr || sent->is_null()) return has_tools;
  if (sent->is_string()) {
    const std::string_view choice = sent->get_string();
    if (choice == "none") return false;
    if (choice == "auto") return has_tools;
    if (choice == "required") {
      if (!has_tools)
        return Err(ErrorCode::kInvalidArgument, "\"tool_choice\" is \"required\", but there are no \"tools\"");
      request.choice = ToolRequest::Choice::kRequired;
      return true;
    }
  }
  const auto expected = [&] {
    return Err(ErrorCode::kInvalidArgument,
               "\"tool_choice\" is {}, expected \"none\", \"auto\", \"required\" or "
               "{{\"type\": \"function\", \"function\": {{\"name\": ...}}}}",
               EscapeForTerminal(ToJson(*sent), 80));
  };
  if (!sent->is_object()) return expected();
  BANTAM_TRY(const JsonObject choice, body.Object("tool_choice"));
  const json::value* type = choice.Find("type");
  if (type == nullptr || !type->is_string() || type->get_string() != "function") return expected();
  at = "tool_choice.function";
  BANTAM_TRY(const JsonObject function, choice.Object("function"));
  at = "tool_choice.function.name";
  BANTAM_TRY(const std::string name, function.String("name"));
  const auto found = std::ranges::find(request.functions, name, &tools::ToolFunction::name);
  if (found == request.functions.end()) {
    return Err(ErrorCode::kInvalidArgument, "\"tool_choice\" names \"{}\", which is none of \"tools\"",
               EscapeForTerminal(name, 80));
  }
  request.choice = ToolRequest::Choice::kNamed;
  request.parallel = false;  // that function, once
  request.functions = {*found};
  return true;
}

}  // namespace

std::vector<std::string> ToolRequest::Names() const {
  std::vector<std::string> names;
  for (const tools::ToolFunction& function : functions) names.push_back(function.name);
  return names;
}

Result<std::shared_ptr<const ToolRequest>> ReadTools(const JsonObject& body, std::string& at) {
  auto request = std::make_shared<ToolRequest>();
  request->tools = json::array();
  at = "parallel_tool_calls";
  BANTAM_TRY(request->parallel, body.BoolOr("parallel_tool_calls", true));
  at = "tools";
  if (const json::value* sent = body.Find("tools"); sent != nullptr && !sent->is_null()) {
    BANTAM_TRY(const json::array* const tools, body.Array("tools"));
    if (tools->size() > kMaxTools) {
      return Err(ErrorCode::kInvalidArgument, "\"tools\" has {} entries, the limit is {}", tools->size(), kMaxTools);
    }
    for (size_t i = 0; i < tools->size(); ++i) {
      at = fmt::format("tools[{}]", i);
      BANTAM_RETURN_IF_ERROR(ReadTool((*tools)[i], *request, at));
    }
  }
  BANTAM_TRY(const bool may_call, ReadChoice(body, *request, at));
  if (!may_call) return std::shared_ptr<const ToolRequest>();
  return std::shared_ptr<const ToolRequest>(std::move(request));
}

Result<std::shared_ptr<const grammar::Constraint>> ConstrainCalls(const Generator& generator,
                                                                  const ToolRequest& request, std::string_view prompt) {
  const ToolUse& use = *generator.tool_use();
  tools::CallGrammarOptions options{.required = request.choice != ToolRequest::Choice::kAuto,
                                    .parallel = request.parallel,
                                    .thought_opening = use.thought_opening(),
                                    .thought_closing = use.thought_closing()};
  while (!prompt.empty() && (prompt.back() == '\n' || prompt.back() == ' ')) prompt.remove_suffix(1);
  options.thought_begun = !use.thought_opening().empty() && prompt.ends_with(use.thought_opening());
  std::string key = fmt::format("tools {}{}{}", options.required, options.parallel, options.thought_begun);
  for (const tools::ToolFunction& function : request.functions)
    key += fmt::format(" {}{}{}", function.name, function.strict, ToJson(function.parameters));
  auto constraint =
      generator.ConstrainCalls(key, [&] { return tools::CallGrammar(use.format(), request.functions, options); });
  // Whatever the reason, it is the request's.
  if (!constraint && constraint.error().code == ErrorCode::kUnsupported)
    return Error{ErrorCode::kInvalidArgument, constraint.error().message, constraint.error().where};
  return constraint;
}

}  // namespace bantam
