// Mistral Small 3.2, Magistral, Devstral, Ministral 3: [TOOL_CALLS]f[ARGS]{...}, once for each call, sometimes with
// [CALL_ID] and an id between.
#include "text/tool_calls/formats.h"
#include "text/tool_calls/json_scanner.h"

namespace bantam::tools {
namespace {

constexpr std::string_view kOpening = "[TOOL_CALLS]", kId = "[CALL_ID]", kArguments = "[ARGS]";

class Reader final : public CallReader {
 public:
  State Add(char c, CallSink& sink) override {
    if (begun_) {
      if (arguments_.Add(c)) sink.Add({&c, 1});
      if (!arguments_.done()) return State::kMore;
      sink.End();
      return State::kEnd;
    }
    if (head_.ends_with(kArguments)) {
      if (IsJsonSpace(c)) return State::kMore;
      std::string_view name(head_);
      name = name.substr(0, std::min(name.find(kId), name.find(kArguments)));
      while (!name.empty() && IsJsonSpace(name.front())) name.remove_prefix(1);
      while (!name.empty() && IsJsonSpace(name.back())) name.remove_suffix(1);
      if (c != '{' || !sink.Begin(name)) return State::kBroken;
      begun_ = true;
      arguments_.Add(c);
      sink.Add({&c, 1});
      return State::kMore;
    }
    head_ += c;
    return head_.size() > 200 ? State::kBroken : State::kMore;  // no name is as long
  }

 private:
  std::string head_;
  bool begun_ = false;
  JsonValueScanner arguments_;
};

class MistralNamed final : public ToolFormat {
 public:
  std::string_view name() const override { return "mistral_named"; }
  bool Matches(const ToolModel& model) const override { return Holds(model, kOpening) && Holds(model, kArguments); }
  std::string_view opening() const override { return kOpening; }
  std::vector<std::string_view> markers() const override { return {kOpening, kId, kArguments}; }
  size_t id_length() const override { return 9; }

  Status AddCalls(const CallGrammarParts& grammar, uint32_t from, uint32_t to) const override {
    grammar::Nfa& nfa = grammar.nfa();
    const uint32_t begin = nfa.AddState(), end = nfa.AddState();
    nfa.AddEmpty(from, begin);
    for (size_t i = 0; i < grammar.functions.size(); ++i)
      nfa.AddCall(nfa.AddText(nfa.AddText(begin, grammar.functions[i].name), kArguments), end, grammar.arguments[i]);
    nfa.AddEmpty(end, to);
    if (grammar.parallel) nfa.AddEmpty(nfa.AddText(end, kOpening), begin);
    return nfa.Check();
  }

  std::unique_ptr<CallReader> NewReader() const override { return std::make_unique<Reader>(); }

  std::string Write(std::span<const MadeCall> calls) const override {
    std::string out;
    for (const MadeCall& call : calls)
      out += fmt::format("{}{}{}{}", kOpening, call.name, kArguments, ToJson(*call.arguments));
    return out;
  }

  std::string Instruction(bool parallel) const override {
    return fmt::format("To call a function, answer with {}NAME{}{{PARAMETER: VALUE}}{}", kOpening, kArguments,
                       parallel ? ", once for each call" : "");
  }
};

}  // namespace

const ToolFormat& MistralNamedFormat() {
  static const MistralNamed format;
  return format;
}

}  // namespace bantam::tools
