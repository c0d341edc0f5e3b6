#include "text/tool_calls/python_calls.h"

#include <charconv>
#include <optional>

#include "base/text_util.h"
#include "text/tool_calls/json_scanner.h"

namespace bantam::tools {
namespace {

constexpr int kMaxDepth = 64;

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

// A call with literals, to the JSON of its arguments.
class Literals {
 public:
  explicit Literals(std::string_view text) : text_(text) {}

  std::optional<json::object> Call(std::string& name) {
    name = Name();
    if (name.empty() || !Take('(')) return std::nullopt;
    json::object arguments;
    while (!Take(')')) {
      if (!arguments.empty() && !Take(',')) return std::nullopt;
      if (!arguments.empty() && Take(')')) break;
      const std::string key = Name();
      if (key.empty() || !Take('=')) return std::nullopt;
      std::optional<json::value> value = Value(0);
      if (!value) return std::nullopt;
      arguments[key] = *std::move(value);
    }
    Skip();
    return text_.empty() ? std::optional(std::move(arguments)) : std::nullopt;
  }

 private:
  void Skip() {
    while (!text_.empty() && IsJsonSpace(text_.front())) text_.remove_prefix(1);
  }
  bool Take(char c) {
    Skip();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string Name() {
    Skip();
    size_t length = 0;
    while (length < text_.size() && IsNameChar(text_[length])) ++length;
    const std::string name(text_.substr(0, length));
    text_.remove_prefix(length);
    return name;
  }

  std::optional<json::value> Value(int depth) {
    Skip();
    if (text_.empty() || depth > kMaxDepth) return std::nullopt;
    const char c = text_.front();
    if (c == '"' || c == '\'') {
      std::optional<std::string> text = String();
      if (!text) return std::nullopt;
      return json::value(*text);
    }
    if (c == '[' || c == '(') return List(depth, c == '[' ? ']' : ')');
    if (c == '{') return Dict(depth);
    const std::string word = Name().substr(0);
    if (word == "True" || word == "true") return json::value(true);
    if (word == "False" || word == "false") return json::value(false);
    if (word == "None" || word == "null") return json::value(nullptr);
    // A number; a sign within its exponent is no character of a name.
    std::string number = word;
    if ((number.ends_with('e') || number.ends_with('E')) && text_.starts_with('+')) {
      number += '+';
      text_.remove_prefix(1);
      number += Name();
    }
    Result<json::value> value = ParseJson(number, "argument");
    if (!value || !value->is_number()) return std::nullopt;
    return *std::move(value);
  }

  std::optional<json::value> List(int depth, char close) {
    text_.remove_prefix(1);
    json::array list;
    while (!Take(close)) {
      if (!list.empty() && !Take(',')) return std::nullopt;
      if (!list.empty() && Take(close)) break;
      std::optional<json::value> value = Value(depth + 1);
      if (!value) return std::nullopt;
      list.push_back(*std::move(value));
    }
    return json::value(std::move(list));
  }

  std::optional<json::value> Dict(int depth) {
    text_.remove_prefix(1);
    json::object object;
    while (!Take('}')) {
      if (!object.empty() && !Take(',')) return std::nullopt;
      if (!object.empty() && Take('}')) break;
      Skip();
      if (!text_.starts_with('"') && !text_.starts_with('\'')) return std::nullopt;
      std::optional<std::string> key = String();
      if (!key || !Take(':')) return std::nullopt;
      std::optional<json::value> value = Value(depth + 1);
      if (!value) return std::nullopt;
      object[*key] = *std::move(value);
    }
    return json::value(std::move(object));
  }

  // The text behind \u or \x, so many hexadecimal digits.
  std::optional<uint32_t> Hex(size_t digits) {
    if (text_.size() < digits) return std::nullopt;
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + digits, value, 16);
    if (error != std::errc() || end != text_.data() + digits) return std::nullopt;
    text_.remove_prefix(digits);
    return value;
  }

  std::optional<std::string> String() {
    const char quote = text_.front();
    text_.remove_prefix(1);
    std::string out;
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == quote) return ReplaceInvalidUtf8(out);
      if (c != '\\') {
        out += c;
        continue;
      }
      if (!Escape(out)) return std::nullopt;
    }
    return std::nullopt;
  }

  bool Escape(std::string& out) {
    if (text_.empty()) return false;
    const char c = text_.front();
    text_.remove_prefix(1);
    static constexpr std::string_view kShort = "n\nt\tr\rb\bf\f";
    for (size_t i = 0; i < kShort.size(); i += 2) {
      if (kShort[i] == c) return out += kShort[i + 1], true;
    }
    if (c != 'u' && c != 'x' && c != 'U') return out += c, true;
    std::optional<uint32_t> value = Hex(c == 'x' ? 2 : c == 'u' ? 4 : 8);
    // Two surrogates as JSON has them.
    if (value && *value >= 0xD800 && *value < 0xDC00 && text_.starts_with("\\u")) {
      text_.remove_prefix(2);
      const std::optional<uint32_t> low = Hex(4);
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return false;
      value = 0x10000 + ((*value - 0xD800) << 10) + (*low - 0xDC00);
    }
    if (!value || *value > 0x10FFFF || (*value >= 0xD800 && *value <= 0xDFFF)) return false;
    return AppendUtf8(*value, out), true;
  }

  std::string_view text_;
};

class PythonReader final : public CallReader {
 public:
  explicit PythonReader(std::string_view closing) : closing_(closing) {}

  State Add(char c, CallSink& sink) override {
    switch (phase_) {
      case Phase::kOpen:
        if (IsJsonSpace(c)) return State::kMore;
        phase_ = Phase::kItem;
        return c == '[' ? State::kMore : State::kBroken;
      case Phase::kItem:
        return Item(c, sink);
      case Phase::kAfterItem:
        if (IsJsonSpace(c)) return State::kMore;
        phase_ = c == ',' ? Phase::kItem : Phase::kClosing;
        return c == ',' || c == ']' ? State::kMore : State::kBroken;
      case Phase::kClosing:
        if (matched_ == 0 && IsJsonSpace(c)) return State::kMore;
        if (c != closing_[matched_]) return matched_ == 0 ? State::kNotMine : State::kBroken;
        return ++matched_ == closing_.size() ? State::kEnd : State::kMore;
    }
    return State::kBroken;
  }

 private:
  enum class Phase { kOpen, kItem, kAfterItem, kClosing };

  State Item(char c, CallSink& sink) {
    if (call_.empty() && IsJsonSpace(c)) return State::kMore;
    if (call_.empty() && c == ']') return State::kBroken;
    call_ += c;
    if (quote_ != 0) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == quote_) {
        quote_ = 0;
      }
      return State::kMore;
    }
    if (c == '"' || c == '\'') return quote_ = c, State::kMore;
    if (c == '(' || c == '[' || c == '{') return ++depth_, State::kMore;
    if (c == ')' || c == ']' || c == '}') --depth_;
    if (depth_ < 0) return State::kBroken;
    if (depth_ > 0 || c != ')') return State::kMore;
    std::string name;
    const std::string arguments = PythonArguments(call_, name);
    if (arguments.empty() || !sink.Begin(name)) return State::kBroken;
    sink.Add(arguments);
    sink.End();
    call_.clear();
    phase_ = Phase::kAfterItem;
    return State::kMore;
  }

  const std::string_view closing_;
  Phase phase_ = Phase::kOpen;
  std::string call_;
  int depth_ = 0;
  char quote_ = 0;
  bool escaped_ = false;
  size_t matched_ = 0;
};

std::string PythonValue(const json::value& value) {
  if (value.is_null()) return "None";
  if (value.is_bool()) return value.get_bool() ? "True" : "False";
  std::string out;
  if (const json::array* list = value.if_array()) {
    for (const json::value& each : *list) out += (out.empty() ? "" : ", ") + PythonValue(each);
    return "[" + out + "]";
  }
  if (const json::object* object = value.if_object()) {
    for (const auto& [key, each] : *object)
      out += (out.empty() ? "" : ", ") + QuoteJson(key) + ": " + PythonValue(each);
    return "{" + out + "}";
  }
  return ToJson(value);
}

}  // namespace

std::unique_ptr<CallReader> NewPythonReader(std::string_view closing) {
  return std::make_unique<PythonReader>(closing);
}

std::string PythonArguments(std::string_view call, std::string& name) {
  const std::optional<json::object> arguments = Literals(call).Call(name);
  return arguments ? ToJson(*arguments) : std::string();
}

std::string PythonCall(const MadeCall& call) {
  std::string out;
  if (const json::object* arguments = call.arguments->if_object()) {
    for (const auto& [key, value] : *arguments) {
      out += fmt::format("{}{}={}", out.empty() ? "" : ", ", std::string_view(key), PythonValue(value));
    }
  }
  return fmt::format("{}({})", call.name, out);
}

}  // namespace bantam::tools
