// Texts that call functions: free up to a call, or nothing but calls.
#include "text/grammar/schema.h"
#include "text/tool_calls/free_text.h"
#include "text/tool_calls/tool_format.h"

namespace bantam::tools {
namespace {

using grammar::GrammarBuilder;
using grammar::Nfa;

// A function's arguments as a rule.
Result<uint32_t> AddArguments(GrammarBuilder& builder, const ToolFormat& format, const ToolFunction& function) {
  const std::string name = fmt::format("the parameters of \"{}\"", function.name);
  const grammar::SchemaOptions options{
      .python_literals = format.python_arguments(), .as_arguments = format.python_arguments(), .only_objects = true};
  // A function without parameters has no properties; {"type": "object"} of a schema alone would mean any.
  static const json::value none =
      json::object{{"type", "object"}, {"properties", json::object{}}, {"additionalProperties", false}};
  const json::value& schema = function.parameters.is_null() ? none : function.parameters;
  Result<uint32_t> rule = AddSchema(builder, schema, name, options);
  if (rule || rule.error().code != ErrorCode::kUnsupported) return rule;
  if (function.strict) {
    return Err(ErrorCode::kUnsupported, "{}; a function with \"strict\": false gets any object of JSON",
               rule.error().message);
  }
  if (format.python_arguments()) return rule;  // without names there are no arguments to write
  return AddSchema(builder, json::object{{"type", "object"}}, name, options);
}

// <think> ... </think>, or nothing of it.
uint32_t AddThought(Nfa& nfa, uint32_t from, const CallGrammarOptions& options) {
  if (options.thought_closing.empty()) return from;
  const uint32_t behind = nfa.AddState(), calls = nfa.AddState();
  const uint32_t thought = options.thought_begun ? from : nfa.AddText(from, options.thought_opening);
  AddTextUpTo(nfa, thought, options.thought_closing, grammar::kForever, behind);
  for (const char c : std::string_view(" \n"))
    nfa.AddBytes(behind, behind, static_cast<uint8_t>(c), static_cast<uint8_t>(c));
  nfa.AddEmpty(behind, calls);
  if (!options.thought_begun) nfa.AddEmpty(from, calls);
  return calls;
}

}  // namespace

uint32_t CallGrammarParts::Space(uint32_t from) const {
  const uint32_t to = nfa().AddState();
  nfa().AddEmpty(from, to);
  for (const char c : std::string_view(" \n"))
    nfa().AddBytes(from, to, static_cast<uint8_t>(c), static_cast<uint8_t>(c));
  return to;
}

Result<std::shared_ptr<const grammar::Grammar>> CallGrammar(const ToolFormat& format,
                                                            std::span<const ToolFunction> functions,
                                                            const CallGrammarOptions& options) {
  GrammarBuilder builder;
  CallGrammarParts parts{.builder = builder, .functions = functions, .parallel = options.parallel};
  for (const ToolFunction& function : functions) {
    BANTAM_TRY(const uint32_t rule, AddArguments(builder, format, function));
    parts.arguments.push_back(rule);
  }
  BANTAM_TRY(const uint32_t root, builder.AddRule("calls"));
  const uint32_t from = builder.start(root), to = builder.final(root);
  Nfa& nfa = builder.nfa;
  if (options.required) {
    const uint32_t begin = AddThought(nfa, from, options);
    BANTAM_RETURN_IF_ERROR(format.AddCalls(parts, nfa.AddText(begin, format.opening()), to));
  } else if (!format.opening().empty()) {
    const uint32_t calls = nfa.AddState();
    AddTextUpTo(nfa, from, format.opening(), to, calls);
    BANTAM_RETURN_IF_ERROR(format.AddCalls(parts, calls, to));
  } else {
    GrammarBuilder apart;
    CallGrammarParts of_starts{.builder = apart, .functions = functions};
    const uint32_t a = apart.nfa.AddState(), b = apart.nfa.AddState();
    format.AddStart(of_starts, a, b);
    grammar::StateMarks marks;
    BANTAM_TRY(const grammar::Dfa start,
               Determinise(apart.nfa, grammar::ByteClasses::Of(apart.nfa), a, b, builder.budget, marks));
    AddTextNotBeginning(nfa, from, start, to);
    const uint32_t calls = nfa.AddState();
    nfa.AddEmpty(from, calls);
    BANTAM_RETURN_IF_ERROR(format.AddCalls(parts, calls, to));
  }
  return builder.Build(root, "tools");
}

}  // namespace bantam::tools
