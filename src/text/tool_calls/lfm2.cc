// LFM2: a list of Python calls, <|tool_call_start|>[f(a="x", b=1)]<|tool_call_end|>.
#include "text/tool_calls/formats.h"
#include "text/tool_calls/python_calls.h"

namespace bantam::tools {
namespace {

class Lfm2 final : public ToolFormat {
 public:
  std::string_view name() const override { return "lfm2"; }
  // Templates of 2.5 do not spell its markers; "List of tools: [" is theirs.
  bool Matches(const ToolModel& model) const override {
    return Holds(model, "<|tool_call_start|>") || Holds(model, "List of tools: [") ||
           Holds(model, "List of tools: <|tool_list_start|>");
  }
  std::string_view opening() const override { return kOpening; }
  std::vector<std::string_view> markers() const override { return {kOpening, kClosing}; }
  bool python_arguments() const override { return true; }

  Status AddCalls(const CallGrammarParts& grammar, uint32_t from, uint32_t to) const override {
    grammar::Nfa& nfa = grammar.nfa();
    const uint32_t item = nfa.AddByte(grammar.Space(from), '['), end = nfa.AddState();
    for (size_t i = 0; i < grammar.functions.size(); ++i) {
      const uint32_t behind = nfa.AddState();
      nfa.AddCall(nfa.AddText(item, grammar.functions[i].name + "("), behind, grammar.arguments[i]);
      nfa.AddBytes(behind, end, ')', ')');
    }
    if (grammar.parallel) nfa.AddEmpty(grammar.Space(nfa.AddByte(end, ',')), item);
    nfa.AddEmpty(nfa.AddText(nfa.AddByte(end, ']'), kClosing), to);
    return nfa.Check();
  }

  std::unique_ptr<CallReader> NewReader() const override { return NewPythonReader(kClosing); }

  std::string Write(std::span<const MadeCall> calls) const override {
    std::string out = std::string(kOpening) + "[";
    for (size_t i = 0; i < calls.size(); ++i) out += (i > 0 ? ", " : "") + PythonCall(calls[i]);
    return out + "]" + std::string(kClosing);
  }

  std::string Instruction(bool parallel) const override {
    return fmt::format("To call {}, answer with {}[NAME(PARAMETER=VALUE)]{}", parallel ? "functions" : "a function",
                       kOpening, kClosing);
  }

 private:
  static constexpr std::string_view kOpening = "<|tool_call_start|>", kClosing = "<|tool_call_end|>";
};

}  // namespace

const ToolFormat& Lfm2Format() {
  static const Lfm2 format;
  return format;
}

}  // namespace bantam::tools
