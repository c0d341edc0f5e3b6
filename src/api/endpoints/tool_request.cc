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

// {"type": "function", "function": {"name", "description", "parameters", "strict"}}
Status ReadTool(const JsonObject& tool, const std::string& place, ToolRequest& request, std::string& at) {
  BANTAM_RETURN_IF_ERROR(CheckToolType(tool, place, at));
  at = place + ".function";
  BANTAM_TRY(const JsonObject function, tool.Object("function"));
  return AddFunction(function, place + ".function", "parameters", request, at);
}

// "none", "auto", "required", or {"type": "function", "function": {"name": "..."}}. False: no tool may be called.
Result<bool> ReadChoice(const JsonObject& body, ToolRequest& request, std::string& at) {
  BANTAM_TRY(const ToolChoice choice, ReadToolChoice(body, request, at));
  if (choice != ToolChoice::kObject) return choice == ToolChoice::kMayCall;
  BANTAM_TRY(const JsonObject object, body.Object("tool_choice"));
  at = "tool_choice.function";
  BANTAM_TRY(const JsonObject function, object.Object("function"));
  at = "tool_choice.function.name";
  BANTAM_TRY(const std::string name, function.String("name"));
  BANTAM_RETURN_IF_ERROR(ChooseFunction(name, request));
  return true;
}

}  // namespace

Status CheckToolType(const JsonObject& tool, const std::string& place, std::string& at) {
  at = place + ".type";
  BANTAM_TRY(const std::string type, tool.String("type"));
  if (type == "function") return Ok();
  return Err(ErrorCode::kInvalidArgument, "\"{}.type\" is \"{}\"; models here call functions only", place,
             EscapeForTerminal(type, 40));
}

Status AddFunction(const JsonObject& sent, const std::string& place, const char* schema_key, ToolRequest& request,
                   std::string& at) {
  at = place + ".name";
  tools::ToolFunction function;
  BANTAM_TRY(function.name, sent.String("name"));
  if (!IsName(function.name)) {
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" is \"{}\", expected 1 to {} letters of ASCII, digits, \"_\", \"-\" and \".\"", at,
               EscapeForTerminal(function.name, 80), kMaxNameBytes);
  }
  const auto same = [&](const tools::ToolFunction& other) { return other.name == function.name; };
  if (std::ranges::any_of(request.functions, same))
    return Err(ErrorCode::kInvalidArgument, "\"tools\" has two functions \"{}\"", function.name);
  at = place + ".description";
  BANTAM_TRY(const std::string description, sent.StringOr("description", ""));
  at = place + ".strict";
  BANTAM_TRY(function.strict, sent.BoolOr("strict", true));
  at = fmt::format("{}.{}", place, schema_key);
  const json::value* parameters = sent.Find(schema_key);
  if (parameters != nullptr && !parameters->is_null()) {
    BANTAM_TRY(const JsonObject schema, sent.Object(schema_key));
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

Result<std::shared_ptr<ToolRequest>> ReadToolList(const JsonObject& body, ToolReader read, std::string& at) {
  auto request = std::make_shared<ToolRequest>();
  request->tools = json::array();
  at = "tools";
  const json::value* sent = body.Find("tools");
  if (sent == nullptr || sent->is_null()) return request;
  BANTAM_TRY(const json::array* const tools, body.Array("tools"));
  if (tools->size() > kMaxTools) {
    return Err(ErrorCode::kInvalidArgument, "\"tools\" has {} entries, the limit is {}", tools->size(), kMaxTools);
  }
  for (size_t i = 0; i < tools->size(); ++i) {
    const std::string place = fmt::format("tools[{}]", i);
    at = place;
    BANTAM_TRY(const JsonObject tool, JsonObject::From((*tools)[i], place));
    BANTAM_RETURN_IF_ERROR(read(tool, place, *request, at));
  }
  return request;
}

Result<ToolChoice> ReadToolChoice(const JsonObject& body, ToolRequest& request, std::string& at) {
  at = "tool_choice";
  const json::value* sent = body.Find("tool_choice");
  const ToolChoice by_tools = request.functions.empty() ? ToolChoice::kNone : ToolChoice::kMayCall;
  if (sent == nullptr || sent->is_null()) return by_tools;
  if (sent->is_string()) {
    const std::string_view choice = sent->get_string();
    if (choice == "none") return ToolChoice::kNone;
    if (choice == "auto") return by_tools;
    if (choice == "required") {
      BANTAM_RETURN_IF_ERROR(RequireCalls(request, "required"));
      return ToolChoice::kMayCall;
    }
  }
  const json::object* object = sent->if_object();
  const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
  if (type != nullptr && type->is_string() && type->get_string() == "function") return ToolChoice::kObject;
  return Err(ErrorCode::kInvalidArgument,
             "\"tool_choice\" is {}, expected \"none\", \"auto\", \"required\" or a function: {{\"type\": "
             "\"function\", ...}} with its name",
             EscapeForTerminal(ToJson(*sent), 80));
}

Status RequireCalls(ToolRequest& request, std::string_view choice) {
  if (request.functions.empty())
    return Err(ErrorCode::kInvalidArgument, "\"tool_choice\" is \"{}\", but there are no \"tools\"", choice);
  request.choice = ToolRequest::Choice::kRequired;
  return Ok();
}

Status ChooseFunction(std::string_view name, ToolRequest& request) {
  const auto found = std::ranges::find(request.functions, name, &tools::ToolFunction::name);
  if (found == request.functions.end()) {
    return Err(ErrorCode::kInvalidArgument, "\"tool_choice\" names \"{}\", which is none of \"tools\"",
               EscapeForTerminal(name, 80));
  }
  request.choice = ToolRequest::Choice::kNamed;
  request.parallel = false;  // that function, once
  request.functions = {*found};
  return Ok();
}

std::vector<std::string> ToolRequest::Names() const {
  std::vector<std::string> names;
  for (const tools::ToolFunction& function : functions) names.push_back(function.name);
  return names;
}

Result<std::shared_ptr<const ToolRequest>> ReadTools(const JsonObject& body, std::string& at) {
  BANTAM_TRY(const std::shared_ptr<ToolRequest> request, ReadToolList(body, ReadTool, at));
  at = "parallel_tool_calls";
  BANTAM_TRY(request->parallel, body.BoolOr("parallel_tool_calls", true));
  BANTAM_TRY(const bool may_call, ReadChoice(body, *request, at));
  return may_call ? std::shared_ptr<const ToolRequest>(request) : nullptr;
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
