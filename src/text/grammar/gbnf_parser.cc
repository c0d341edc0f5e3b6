#include "text/grammar/gbnf_parser.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/text_util.h"

namespace bantam::grammar {
namespace {

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : name_(name), text_(DecodeUtf8(text)) {}

  Result<std::shared_ptr<const Grammar>> Run() {
    SkipSpace(true);
    while (!AtEnd()) BANTAM_RETURN_IF_ERROR(Rule());
    const auto root = rules_.find("root");
    if (root == rules_.end() || !root->second.defined)
      return Err(ErrorCode::kInvalidArgument, "{}: no rule \"root\", where the text would begin", name_);
    for (const auto& [rule, each] : rules_) {
      if (each.defined) continue;
      at_ = each.first_use;
      return Wrong(fmt::format("rule \"{}\" is used and not defined", rule));
    }
    BANTAM_RETURN_IF_ERROR(pool_.Check(name_));
    std::vector<uint32_t> exprs(rules_.size());
    for (const auto& [rule, each] : rules_) exprs[each.number] = each.expr;
    pool_.NarrowRules(exprs);
    for (const auto& [rule, each] : rules_) {
      Result<uint32_t> end = builder_.AddExpr(builder_.start(each.number), pool_, each.expr, Spelling::kPlain);
      if (!end) return Err(end.error().code, "{}: rule \"{}\": {}", name_, rule, end.error().message);
      builder_.nfa.AddEmpty(*end, builder_.final(each.number));
    }
    return builder_.Build(root->second.number, name_);
  }

 private:
  struct RuleState {
    uint32_t number = 0, expr = 0;
    bool defined = false;
    size_t first_use = 0;
  };

  bool AtEnd() const { return at_ >= text_.size(); }
  uint32_t Peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : UINT32_MAX; }
  bool Take(char c) {
    if (Peek() != static_cast<uint32_t>(c)) return false;
    ++at_;
    return true;
  }

  Error Wrong(std::string_view what, ErrorCode code = ErrorCode::kInvalidArgument) const {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < std::min(at_, text_.size()); ++i) {
      ++column;
      if (text_[i] == '\n') ++line, column = 1;
    }
    return Err(code, "{}:{}:{}: {}", name_, line, column, what);
  }

  void SkipSpace(bool newlines) {
    for (; !AtEnd(); ++at_) {
      if (Peek() == '#') {
        while (!AtEnd() && Peek() != '\n' && Peek() != '\r') ++at_;
        --at_;
      } else if (Peek() != ' ' && Peek() != '\t' && !(newlines && (Peek() == '\n' || Peek() == '\r'))) {
        return;
      }
    }
  }

  static bool IsNameChar(uint32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }
  std::string Name() {
    std::string name;
    for (; IsNameChar(Peek()); ++at_) name += static_cast<char>(Peek());
    return name;
  }

  Result<RuleState*> Find(const std::string& rule, size_t where) {
    const auto [at, added] = rules_.try_emplace(rule);
    if (added) {
      at->second.first_use = where;
      Result<uint32_t> number = builder_.AddRule(rule);
      if (!number) return Wrong(number.error().message, number.error().code);
      at->second.number = *number;
    }
    return &at->second;
  }

  Status Rule() {
    const size_t begin = at_;
    const std::string rule = Name();
    if (rule.empty()) return Wrong("expected a rule: a name of letters, digits, \"-\" and \"_\", then ::=");
    SkipSpace(false);
    if (!Take(':') || !Take(':') || !Take('='))
      return Wrong(fmt::format("expected \"::=\" after \"{}\"", EscapeForTerminal(rule, 60)));
    SkipSpace(true);
    BANTAM_TRY(const uint32_t expr, Alternatives(false));
    BANTAM_TRY(RuleState* const state, Find(rule, begin));
    if (state->defined) {
      at_ = begin;
      return Wrong(fmt::format("rule \"{}\" is defined twice", EscapeForTerminal(rule, 60)));
    }
    state->defined = true;
    state->expr = expr;
    if (!AtEnd() && Peek() != '\n' && Peek() != '\r') return Wrong("expected the end of the rule");
    SkipSpace(true);
    return Ok();
  }

  Result<uint32_t> Alternatives(bool nested) {
    if (++depth_ > Limits::kDepth)
      return Wrong(fmt::format("groups deeper than {}, the limit", Limits::kDepth), ErrorCode::kTooLarge);
    std::vector<uint32_t> parts;
    do {
      SkipSpace(true);
      BANTAM_TRY(const uint32_t part, Sequence(nested));
      parts.push_back(part);
    } while (Take('|'));
    --depth_;
    return parts.size() == 1 ? parts.front() : pool_.Alt(std::move(parts));
  }

  Result<uint32_t> Sequence(bool nested) {
    std::vector<uint32_t> parts;
    for (SkipSpace(nested); !AtEnd(); SkipSpace(nested)) {
      const uint32_t c = Peek();
      uint32_t part = 0;
      const size_t begin = at_;
      if (c == '"') {
        BANTAM_RETURN_IF_ERROR(Literal(parts));
        continue;
      }
      if (c == '[') {
        ++at_;
        BANTAM_TRY(part, Class());
      } else if (c == '.') {
        ++at_;
        part = pool_.Chars(CodePointSet::All());
      } else if (c == '(') {
        ++at_;
        BANTAM_TRY(part, Alternatives(true));
        SkipSpace(true);
        if (!Take(')')) return Wrong("\"(\" without \")\"");
      } else if (c == '<' || c == '!') {
        return Wrong("tokens by name, \"<...>\", are not part of a grammar here: spell their text",
                     ErrorCode::kUnsupported);
      } else if (IsNameChar(c)) {
        const std::string rule = Name();
        BANTAM_TRY(const RuleState* const state, Find(rule, begin));
        part = pool_.Rule(state->number);
      } else if (c == '*' || c == '+' || c == '?' || c == '{') {
        return Wrong("nothing to repeat");
      } else {
        break;
      }
      BANTAM_TRY(part, Quantified(part));
      parts.push_back(part);
    }
    if (pool_.size() > Limits::kExpressions) return pool_.Check(name_).error();
    return pool_.Seq(std::move(parts));
  }

  // A repetition after a literal repeats all of it.
  Status Literal(std::vector<uint32_t>& out) {
    ++at_;
    std::vector<uint32_t> chars;
    while (!Take('"')) {
      if (AtEnd() || Peek() == '\n') return Wrong("a literal without its closing quote");
      BANTAM_TRY(const uint32_t c, Char());
      chars.push_back(pool_.Chars(CodePointSet::Of(c)));
    }
    BANTAM_TRY(const uint32_t part, Quantified(pool_.Seq(std::move(chars))));
    out.push_back(part);
    return Ok();
  }

  Result<uint32_t> Char() {
    const uint32_t c = text_[at_++];
    if (c != '\\') return c;
    if (AtEnd()) return Wrong("\"\\\" at the end");
    const uint32_t escaped = text_[at_++];
    switch (escaped) {
      case 'n':
        return uint32_t{'\n'};
      case 'r':
        return uint32_t{'\r'};
      case 't':
        return uint32_t{'\t'};
      case 'x':
        return Hex(2);
      case 'u':
        return Hex(4);
      case 'U':
        return Hex(8);
      default:
        break;
    }
    if (std::string_view("\\\"[]-^.|()*+?{}/'").find(static_cast<char>(escaped)) != std::string_view::npos &&
        escaped < 0x80)
      return escaped;
    return Wrong("unknown escape: known are \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\xHH \\uHHHH \\UHHHHHHHH");
  }

  Result<uint32_t> Hex(int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const uint32_t c = Peek(), letter = c | 0x20U;
      const bool is_letter = c < 0x80 && letter >= 'a' && letter <= 'f';
      if (!is_letter && !(c >= '0' && c <= '9')) return Wrong(fmt::format("expected {} hexadecimal digits", digits));
      if (value > 0xFFFFFF) return Wrong("no code point is as large");
      value = value << 4 | (is_letter ? letter - 'a' + 10 : c - '0');
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return Wrong("not a code point that text can hold");
    return value;
  }

  Result<uint32_t> Class() {
    const bool negated = Take('^');
    std::vector<CodePointRange> ranges;
    while (!Take(']')) {
      if (AtEnd() || Peek() == '\n') return Wrong("\"[\" without \"]\"");
      BANTAM_TRY(const uint32_t first, Char());
      uint32_t last = first;
      if (Peek() == '-' && Peek(1) != ']' && Peek(1) != UINT32_MAX) {
        ++at_;
        BANTAM_TRY(last, Char());
        if (last < first) return Wrong("a range in a class is upside down");
      }
      ranges.push_back({first, last});
    }
    CodePointSet set = CodePointSet::From(std::move(ranges));
    return pool_.Chars(negated ? set.Complement() : std::move(set));
  }

  std::optional<uint32_t> Number() {
    if (Peek() < '0' || Peek() > '9') return std::nullopt;
    uint64_t value = 0;
    for (; Peek() >= '0' && Peek() <= '9'; ++at_) value = std::min<uint64_t>(value * 10 + (Peek() - '0'), kForever - 1);
    return static_cast<uint32_t>(value);
  }

  Result<uint32_t> Quantified(uint32_t part) {
    for (int repeats = 0;; ++repeats) {
      uint32_t least = 0, most = kForever;
      if (Take('*')) {
      } else if (Take('+')) {
        least = 1;
      } else if (Take('?')) {
        most = 1;
      } else if (Take('{')) {
        SkipSpace(false);
        const auto from = Number();
        SkipSpace(false);
        const bool comma = Take(',');
        SkipSpace(false);
        const auto to = comma ? Number() : from;
        SkipSpace(false);
        if ((!from && !to) || !Take('}')) return Wrong("expected {n}, {n,}, {,n} or {n,m}");
        least = from.value_or(0);
        most = to.value_or(kForever);
      } else {
        return part;
      }
      if (most < least) return Wrong("a repetition is upside down");
      if (least > Limits::kRepeat || (most != kForever && most > Limits::kRepeat)) {
        return Wrong(fmt::format("more than {} repetitions, the limit", Limits::kRepeat), ErrorCode::kTooLarge);
      }
      if (repeats == Limits::kDepth)
        return Wrong(fmt::format("more than {} repetitions of a repetition, the limit", Limits::kDepth),
                     ErrorCode::kTooLarge);
      part = pool_.Repeat(part, least, most);
    }
  }

  std::string_view name_;
  std::vector<uint32_t> text_;
  size_t at_ = 0;
  int depth_ = 0;
  ExprPool pool_;
  GrammarBuilder builder_;
  std::map<std::string, RuleState> rules_;
};

}  // namespace

Result<std::shared_ptr<const Grammar>> ParseGbnf(std::string_view text, std::string_view name) {
  if (text.size() > Limits::kTextBytes) {
    return Err(ErrorCode::kTooLarge, "{}: {}, the limit is {}", name, HumanBytes(text.size()),
               HumanBytes(Limits::kTextBytes));
  }
  if (const auto at = FirstInvalidUtf8(text))
    return Err(ErrorCode::kInvalidArgument, "{}: byte {} is not well-formed UTF-8", name, *at);
  return Parser(text, name).Run();
}

}  // namespace bantam::grammar
