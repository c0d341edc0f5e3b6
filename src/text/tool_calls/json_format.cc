#include "text/tool_calls/json_format.h"

#include "text/tool_calls/json_scanner.h"

namespace bantam::tools {
namespace {

using State = CallReader::State;
using grammar::Nfa;

constexpr std::string_view kFenceEnd = "\n```";

class JsonReader final : public CallReader {
 public:
  explicit JsonReader(const JsonFormatParts& parts) : parts_(parts), closing_(parts.closing) {}

  State Add(char c, CallSink& sink) override {
    switch (phase_) {
      case Phase::kOpen:
        return Open(c, sink);
      case Phase::kItem:
        if (IsJsonSpace(c)) return State::kMore;
        return c == '{' ? Begin(c, sink) : State::kBroken;
      case Phase::kObject: {
        const State state = call_.Add(c, sink);
        if (state != State::kEnd) return state;
        phase_ = list_ ? Phase::kAfterItem : Phase::kClosing;
        return !list_ && closing_.empty() ? State::kEnd : State::kMore;
      }
      case Phase::kAfterItem:
        if (IsJsonSpace(c)) return State::kMore;
        phase_ = c == ',' ? Phase::kItem : Phase::kClosing;
        if (c != ',' && c != ']') return State::kBroken;
        return c == ']' && closing_.empty() ? State::kEnd : State::kMore;
      case Phase::kClosing:
        if (matched_ == 0 && IsJsonSpace(c) && closing_.front() != c) return State::kMore;
        if (c != closing_[matched_]) return matched_ == 0 ? State::kNotMine : State::kBroken;
        return ++matched_ == closing_.size() ? State::kEnd : State::kMore;
    }
    return State::kBroken;
  }

 private:
  enum class Phase { kOpen, kItem, kObject, kAfterItem, kClosing };

  State Begin(char c, CallSink& sink) {
    phase_ = Phase::kObject;
    call_ = {};
    return call_.Add(c, sink);
  }

  State Open(char c, CallSink& sink) {
    if (fence_.empty()) {
      if (IsJsonSpace(c)) return State::kMore;
      if (c == '{') return Begin(c, sink);
      // Without an opening a list of other things is as likely.
      if (c == '[' && !parts_.opening.empty()) return list_ = true, phase_ = Phase::kItem, State::kMore;
    }
    fence_ += c;
    for (const std::string_view fence : parts_.fences) {
      if (fence == fence_) {
        if (fence.starts_with("```")) closing_ = kFenceEnd;
        phase_ = Phase::kItem;
        return State::kMore;
      }
      if (fence.starts_with(fence_)) return State::kMore;
    }
    return State::kBroken;
  }

  const JsonFormatParts& parts_;
  std::string_view closing_;
  Phase phase_ = Phase::kOpen;
  bool list_ = false;
  JsonCallScanner call_;
  std::string fence_;
  size_t matched_ = 0;
};

}  // namespace

std::vector<std::string_view> JsonFormat::markers() const {
  std::vector<std::string_view> all;
  for (const std::string_view text : {parts_.opening, parts_.closing}) {
    if (!text.empty()) all.push_back(text);
  }
  for (const std::string_view fence : parts_.fences) {
    if (!fence.starts_with("```")) all.push_back(fence);
  }
  return all;
}

// {"name": "f", "arguments": {...}} -> the state behind it.
uint32_t JsonFormat::AddObject(const CallGrammarParts& grammar, uint32_t from) const {
  Nfa& nfa = grammar.nfa();
  const uint32_t end = nfa.AddState();
  const uint32_t name = nfa.AddByte(grammar.Space(nfa.AddText(from, "{\"name\":")), '"');
  for (size_t i = 0; i < grammar.functions.size(); ++i) {
    uint32_t at = nfa.AddText(name, grammar.functions[i].name + "\",");
    at = nfa.AddText(grammar.Space(at), "\"" + std::string(parts_.arguments_key) + "\":");
    const uint32_t behind = nfa.AddState();
    nfa.AddCall(grammar.Space(at), behind, grammar.arguments[i]);
    nfa.AddBytes(behind, end, '}', '}');
    if (!parts_.ids) continue;
    at = nfa.AddByte(grammar.Space(nfa.AddText(grammar.Space(nfa.AddByte(behind, ',')), "\"id\":")), '"');
    for (size_t k = 0; k < id_length(); ++k) {
      const uint32_t next = nfa.AddState();
      for (const auto& [first, last] : {std::pair('a', 'z'), std::pair('A', 'Z'), std::pair('0', '9')})
        nfa.AddBytes(at, next, static_cast<uint8_t>(first), static_cast<uint8_t>(last));
      at = next;
    }
    const uint32_t quote = nfa.AddByte(at, '"');
    nfa.AddBytes(quote, end, '}', '}');
  }
  return end;
}

Status JsonFormat::AddCalls(const CallGrammarParts& grammar, uint32_t from, uint32_t to) const {
  Nfa& nfa = grammar.nfa();
  const uint32_t begin = nfa.AddState();
  nfa.AddEmpty(from, begin);
  if (parts_.list) {
    const uint32_t item = grammar.Space(nfa.AddByte(grammar.Space(begin), '['));
    const uint32_t behind = AddObject(grammar, item);
    if (grammar.parallel) nfa.AddEmpty(grammar.Space(nfa.AddByte(behind, ',')), item);
    const uint32_t end = nfa.AddByte(grammar.Space(behind), ']');
    nfa.AddEmpty(parts_.closing.empty() ? end : nfa.AddText(grammar.Space(end), parts_.closing), to);
    return nfa.Check();
  }
  const uint32_t behind = AddObject(grammar, grammar.Space(begin));
  if (parts_.closing.empty()) {
    nfa.AddEmpty(behind, to);
  } else {
    const uint32_t end = nfa.AddText(grammar.Space(behind), parts_.closing);
    nfa.AddEmpty(end, to);
    if (grammar.parallel) nfa.AddEmpty(nfa.AddText(grammar.Space(end), parts_.opening), begin);
  }
  if (!parts_.opening.empty()) return nfa.Check();
  for (const std::string_view fence : parts_.fences) {
    const uint32_t object = AddObject(grammar, grammar.Space(nfa.AddText(begin, fence)));
    nfa.AddEmpty(fence.starts_with("```") ? nfa.AddText(object, kFenceEnd) : object, to);
  }
  return nfa.Check();
}

// {"name": "f": an object that names one of the functions is a call.
void JsonFormat::AddStart(const CallGrammarParts& grammar, uint32_t from, uint32_t to) const {
  Nfa& nfa = grammar.nfa();
  const auto spaces = [&](uint32_t at) {
    const uint32_t loop = nfa.AddState();
    nfa.AddEmpty(at, loop);
    for (const char c : std::string_view(" \n\t\r"))
      nfa.AddBytes(loop, loop, static_cast<uint8_t>(c), static_cast<uint8_t>(c));
    return loop;
  };
  uint32_t at = spaces(from);
  for (const std::string_view fence : parts_.fences) {
    if (fence.starts_with("```")) {
      nfa.AddEmpty(nfa.AddText(from, fence), at);
    } else {
      nfa.AddEmpty(nfa.AddText(from, fence), to);  // a token for nothing else
    }
  }
  at = nfa.AddText(spaces(nfa.AddText(at, "{")), "\"name\"");
  at = nfa.AddText(spaces(nfa.AddText(spaces(at), ":")), "\"");
  for (const ToolFunction& function : grammar.functions) nfa.AddEmpty(nfa.AddText(at, function.name + "\""), to);
}

std::unique_ptr<CallReader> JsonFormat::NewReader() const { return std::make_unique<JsonReader>(parts_); }

std::string JsonFormat::Object(const MadeCall& call) const {
  std::string out = "{\"name\": " + QuoteJson(call.name) + ", \"" + std::string(parts_.arguments_key) +
                    "\": " + ToJson(*call.arguments);
  if (parts_.ids) out += ", \"id\": " + QuoteJson(call.id);
  return out + "}";
}

std::string JsonFormat::Write(std::span<const MadeCall> calls) const {
  const std::string_view line = parts_.lines ? "\n" : "";
  std::string out;
  if (parts_.list) {
    out = std::string(parts_.opening) + "[";
    for (size_t i = 0; i < calls.size(); ++i) out += (i > 0 ? ", " : "") + Object(calls[i]);
    return out + "]" + std::string(parts_.closing);
  }
  for (size_t i = 0; i < calls.size(); ++i) {
    if (i > 0) out += "\n";
    out += fmt::format("{}{}{}{}{}", parts_.opening, line, Object(calls[i]), line, parts_.closing);
  }
  return out;
}

std::string JsonFormat::Instruction(bool parallel) const {
  const std::string object = fmt::format("{{\"name\": NAME, \"{}\": {{PARAMETER: VALUE}}}}", parts_.arguments_key);
  const std::string_view line = parts_.lines ? "\n" : "";
  if (parts_.list)
    return fmt::format("To call {}, answer with {}[{}]{}", parallel ? "functions" : "a function", parts_.opening,
                       object, parts_.closing);
  return fmt::format("To call a function, answer with {}{}{}{}{}{}", parts_.opening, line, object, line, parts_.closing,
                     parallel && !parts_.opening.empty() ? ", once for each call" : "");
}

}  // namespace bantam::tools
