#include "text/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text_util.h"
#include "text/jinja/python_text.h"

namespace bantam::jinja {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool BeginsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

class Lexer {
 public:
  Lexer(std::string_view source, std::string_view name) : source_(source), name_(name) {}

  Result<std::vector<Token>> Run() {
    while (at_ < source_.size()) BANTAM_RETURN_IF_ERROR(TextAndTag());
    Put(TokenKind::kEnd, source_.size(), source_.size());
    return std::move(tokens_);
  }

 private:
  Error Wrong(size_t at, std::string_view what) const { return ErrorAt(ErrorCode::kCorrupt, name_, source_, at, what); }
  void Put(TokenKind kind, size_t begin, size_t end) {
    tokens_.push_back({kind, static_cast<uint32_t>(begin), source_.substr(begin, end - begin)});
  }
  char Peek(size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
  size_t SpaceFrom(size_t at) const { return StripLeft(source_.substr(at)); }

  // The text up to the next tag, as the tag's signs leave it.
  void PutText(size_t begin, size_t end, char sign, bool strips_line) {
    const std::string_view text = source_.substr(begin, end - begin);
    if (sign == '-') {
      end -= StripRight(text);
    } else if (sign != '+' && strips_line) {
      const size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
      const bool at_line = line > 0 || line_starts_;
      if (at_line && StripRight(text.substr(line)) == text.size() - line) end = begin + line;
    }
    if (begin < end) Put(TokenKind::kText, begin, end);
  }

  Status TextAndTag() {
    const size_t begin = at_;
    size_t open = begin;
    while ((open = source_.find('{', open)) != std::string_view::npos) {
      const char next = open + 1 < source_.size() ? source_[open + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') break;
      ++open;
    }
    if (open == std::string_view::npos) {
      Put(TokenKind::kText, begin, source_.size());
      at_ = source_.size();
      return Ok();
    }
    const char kind = source_[open + 1];
    at_ = open + 2;
    const char sign = Peek() == '-' || Peek() == '+' ? Peek() : '\0';
    PutText(begin, open, sign, kind != '{');
    if (sign != '\0') ++at_;
    if (kind == '#') return Comment(open);
    if (kind == '%') {
      BANTAM_TRY(const bool is_raw, Raw(open));
      if (is_raw) return Ok();
    }
    Put(kind == '{' ? TokenKind::kPrintBegin : TokenKind::kBlockBegin, open, at_);
    return Inside(kind == '{' ? '}' : '%', open);
  }

  // After a tag's end: where the next text begins.
  void EndTag(char sign, bool trims_line_end) {
    line_starts_ = false;
    if (sign == '-') {
      const size_t begin = at_;
      at_ += SpaceFrom(at_);
      line_starts_ = at_ > begin && source_[at_ - 1] == '\n';
    } else if (sign != '+' && trims_line_end && Peek() == '\n') {
      ++at_;
      line_starts_ = true;
    }
  }

  Status Comment(size_t open) {
    const size_t close = source_.find("#}", at_);
    if (close == std::string_view::npos) return Wrong(open, "this comment has no end: expected #}");
    const char before = close > at_ ? source_[close - 1] : '\0';
    at_ = close + 2;
    EndTag(before == '-' || before == '+' ? before : '\0', true);
    return Ok();
  }

  // At {% with its sign read: whether it is {% raw %}, which is then taken to its end.
  Result<bool> Raw(size_t open) {
    size_t at = at_ + SpaceFrom(at_);
    if (source_.substr(at, 3) != "raw") return false;
    at += 3;
    at += SpaceFrom(at);
    const bool trims = source_.substr(at, 3) == "-%}";
    if (!trims && source_.substr(at, 2) != "%}") return false;
    at_ = at + (trims ? 3 : 2);
    if (trims) at_ += SpaceFrom(at_);
    line_starts_ = source_[at_ - 1] == '\n';
    const size_t begin = at_;
    for (size_t next = begin; (next = source_.find("{%", next)) != std::string_view::npos; next += 2) {
      at_ = next + 2;
      const char sign = Peek() == '-' || Peek() == '+' ? Peek() : '\0';
      if (sign != '\0') ++at_;
      at_ += SpaceFrom(at_);
      if (source_.substr(at_, 6) != "endraw") continue;
      at_ += 6;
      at_ += SpaceFrom(at_);
      const char end_sign = Peek() == '-' || Peek() == '+' ? Peek() : '\0';
      if (source_.substr(at_ + (end_sign != '\0' ? 1 : 0), 2) != "%}") continue;
      PutText(begin, next, sign, true);
      at_ += end_sign != '\0' ? 3 : 2;
      EndTag(end_sign, true);
      return true;
    }
    return Wrong(open, "{% raw %} has no end: expected {% endraw %}");
  }

  // Whether the tag ends here; `close` is '}' or '%'.
  bool AtEnd(char close, char* sign) const {
    const char c = Peek();
    const bool signed_end = c == '-' || (c == '+' && close == '%');
    *sign = signed_end ? c : '\0';
    const size_t at = signed_end ? 1 : 0;
    return Peek(at) == close && Peek(at + 1) == '}';
  }

  Status Inside(char close, size_t open) {
    std::vector<char> brackets;
    for (;;) {
      at_ += SpaceFrom(at_);
      if (at_ >= source_.size()) {
        return Wrong(open, close == '}' ? "this tag has no end: expected }}" : "this tag has no end: expected %}");
      }
      char sign = '\0';
      // Inside brackets }} closes two of them.
      if (brackets.empty() && AtEnd(close, &sign)) {
        const size_t begin = at_;
        at_ += sign != '\0' ? 3 : 2;
        Put(close == '}' ? TokenKind::kPrintEnd : TokenKind::kBlockEnd, begin, at_);
        EndTag(sign, close == '%');
        return Ok();
      }
      BANTAM_RETURN_IF_ERROR(OneToken(brackets));
    }
  }

  Status OneToken(std::vector<char>& brackets) {
    const char c = Peek();
    const size_t begin = at_;
    if (IsDigit(c)) return Number();
    if (BeginsName(c)) {
      while (BeginsName(Peek()) || IsDigit(Peek())) ++at_;
      Put(TokenKind::kName, begin, at_);
      return Ok();
    }
    if (c == '\'' || c == '"') {
      for (++at_; Peek() != c; ++at_) {
        if (Peek() == '\\') ++at_;
        if (at_ >= source_.size()) return Wrong(begin, "this string has no end");
      }
      Put(TokenKind::kString, begin + 1, at_);
      tokens_.back().at = static_cast<uint32_t>(begin);
      ++at_;
      return Ok();
    }
    for (const std::string_view two : {"//", "**", "==", "!=", "<=", ">="}) {
      if (source_.substr(at_, 2) != two) continue;
      at_ += 2;
      Put(TokenKind::kOperator, begin, at_);
      return Ok();
    }
    if (c == '\0' || std::string_view("+-/*%~[](){}<>=.:|,;").find(c) == std::string_view::npos) {
      return Wrong(begin, fmt::format("unexpected character \"{}\"", EscapeForTerminal(source_.substr(begin, 1))));
    }
    if (c == '(' || c == '[' || c == '{') brackets.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (c == ')' || c == ']' || c == '}') {
      if (brackets.empty()) return Wrong(begin, fmt::format("unexpected \"{}\": nothing is open", c));
      if (brackets.back() != c)
        return Wrong(begin, fmt::format("unexpected \"{}\": expected \"{}\"", c, brackets.back()));
      brackets.pop_back();
    }
    ++at_;
    Put(TokenKind::kOperator, begin, at_);
    return Ok();
  }

  // Digits with single underscores between them.
  size_t Digits(size_t at) const {
    while (at < source_.size() && (IsDigit(source_[at]) || (source_[at] == '_' && at + 1 < source_.size() &&
                                                            IsDigit(source_[at + 1]) && IsDigit(source_[at - 1])))) {
      ++at;
    }
    return at;
  }

  Status Number() {
    const size_t begin = at_;
    if (Peek() == '0' && std::string_view("xXoObB").find(Peek(1)) != std::string_view::npos && Peek(1) != '\0') {
      for (at_ += 2; BeginsName(Peek()) || IsDigit(Peek());) ++at_;
      Put(TokenKind::kInteger, begin, at_);
      return Ok();
    }
    size_t end = Digits(at_);
    bool is_float = false;
    const bool after_dot = begin > 0 && source_[begin - 1] == '.';  // a.0.1 has two subscripts
    if (!after_dot && end + 1 < source_.size() && source_[end] == '.' && IsDigit(source_[end + 1])) {
      end = Digits(end + 1);
      is_float = true;
    }
    if (!after_dot && end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      size_t exponent = end + 1;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) ++exponent;
      if (exponent < source_.size() && IsDigit(source_[exponent])) {
        end = Digits(exponent);
        is_float = true;
      }
    }
    at_ = end;
    Put(is_float ? TokenKind::kFloat : TokenKind::kInteger, begin, at_);
    return Ok();
  }

  std::string_view source_, name_;
  size_t at_ = 0;
  bool line_starts_ = true;  // what was read last ended with a line end
  std::vector<Token> tokens_;
};

}  // namespace

Error ErrorAt(ErrorCode code, std::string_view name, std::string_view source, size_t at, std::string_view what) {
  const std::string_view before = source.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t column = at - (before.rfind('\n') + 1) + 1;
  return Err(code, "{}:{}:{}: {}", name, line, column, what);
}

std::string NormalizeSource(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else if (i + 1 == source.size() || source[i + 1] != '\n') {
      out += '\n';
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

Result<std::vector<Token>> Tokenize(std::string_view source, std::string_view name) {
  return Lexer(source, name).Run();
}

}  // namespace bantam::jinja
