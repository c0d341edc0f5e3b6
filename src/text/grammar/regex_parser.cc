#include "text/grammar/regex_parser.h"

#include <optional>

#include "base/text_util.h"
#include "text/grammar/unicode_properties.h"

namespace bantam::grammar {
namespace {

constexpr uint32_t kNothing = UINT32_MAX;

const CodePointSet& Digits() {
  static const CodePointSet set{{'0', '9'}};
  return set;
}
const CodePointSet& WordChars() {
  static const CodePointSet set{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return set;
}
// WhiteSpace and LineTerminator of ECMA-262.
const CodePointSet& Spaces() {
  static const CodePointSet set{{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680},
                                {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                                {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  return set;
}

class Parser {
 public:
  Parser(std::string_view name, ExprPool& pool, std::vector<uint32_t> text)
      : name_(name), pool_(pool), text_(std::move(text)) {}

  Result<uint32_t> Run() {
    BANTAM_TRY(const uint32_t all, Alternatives());
    if (!AtEnd()) return Wrong("\")\" without \"(\"");
    BANTAM_RETURN_IF_ERROR(pool_.Check(name_));
    return all;
  }

 private:
  bool AtEnd() const { return at_ == text_.size(); }
  uint32_t Peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : kNothing; }
  bool Take(char c) {
    if (Peek() != static_cast<uint32_t>(c)) return false;
    ++at_;
    return true;
  }
  Error Wrong(std::string_view what, ErrorCode code = ErrorCode::kInvalidArgument) const {
    return Err(code, "{}: at character {}: {}", name_, at_ + 1, what);
  }
  Error Unsupported(std::string_view what) const {
    return Wrong(fmt::format("{} cannot be enforced while text is written", what), ErrorCode::kUnsupported);
  }

  Result<uint32_t> Alternatives() {
    if (++depth_ > Limits::kDepth)
      return Wrong(fmt::format("groups deeper than {}, the limit", Limits::kDepth), ErrorCode::kTooLarge);
    std::vector<uint32_t> parts;
    do {
      BANTAM_TRY(const uint32_t part, Sequence());
      parts.push_back(part);
    } while (Take('|'));
    --depth_;
    return parts.size() == 1 ? parts.front() : pool_.Alt(std::move(parts));
  }

  Result<uint32_t> Sequence() {
    std::vector<uint32_t> parts;
    while (!AtEnd() && Peek() != '|' && Peek() != ')') {
      bool repeatable = true;
      BANTAM_TRY(uint32_t part, Term(repeatable));
      BANTAM_TRY(part, Quantified(part, repeatable));
      parts.push_back(part);
    }
    return pool_.Seq(std::move(parts));
  }

  Result<uint32_t> Term(bool& repeatable) {
    const uint32_t c = Peek();
    switch (c) {
      case '^':
      case '$':
        ++at_;
        repeatable = false;
        return pool_.Add({.kind = c == '^' ? Expr::Kind::kBegin : Expr::Kind::kEnd});
      case '(':
        return Group();
      case '[':
        ++at_;
        return Class();
      case '.': {
        ++at_;
        const CodePointSet ends{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
        return pool_.Chars(ends.Complement());
      }
      case '\\': {
        ++at_;
        if (Peek() == 'b' || Peek() == 'B') return Unsupported("a word boundary");
        BANTAM_TRY(CodePointSet set, Escape(false));
        return pool_.Chars(std::move(set));
      }
      case '*':
      case '+':
      case '?':
        return Wrong("nothing to repeat");
      case '{':
        if (const auto counts = Counts(); counts) return Wrong("nothing to repeat");
        return Wrong("\"{\" that counts nothing: write \"\\{\"");
      case '}':
      case ']':
        // Annex B of ECMA-262 reads them as themselves, and so do Python and most validators.
      default:
        ++at_;
        return pool_.Chars(CodePointSet::Of(c));
    }
  }

  Result<uint32_t> Group() {
    ++at_;
    if (Take('?')) {
      if (Peek() == '=' || Peek() == '!') return Unsupported("a look-ahead, \"(?=\" or \"(?!\",");
      if (Peek() == '<' && (Peek(1) == '=' || Peek(1) == '!'))
        return Unsupported("a look-behind, \"(?<=\" or \"(?<!\",");
      if (Take('<')) {
        while (!AtEnd() && Peek() != '>') ++at_;
        if (!Take('>')) return Wrong("a group's name without \">\"");
      } else if (!Take(':')) {
        return Wrong("unknown kind of group: known are \"(\", \"(?:\" and \"(?<name>\"", ErrorCode::kUnsupported);
      }
    }
    BANTAM_TRY(const uint32_t inner, Alternatives());
    if (!Take(')')) return Wrong("\"(\" without \")\"");
    return inner;
  }

  struct Count {
    uint32_t least, most;
  };

  std::optional<uint32_t> Number() {
    if (Peek() < '0' || Peek() > '9') return std::nullopt;
    uint64_t value = 0;
    for (; Peek() >= '0' && Peek() <= '9'; ++at_) value = std::min<uint64_t>(value * 10 + (Peek() - '0'), kForever - 1);
    return static_cast<uint32_t>(value);
  }

  // {3}, {3,} or {3,5}; otherwise nothing is read.
  std::optional<Count> Counts() {
    const size_t begin = at_;
    if (Take('{')) {
      if (const auto least = Number(); least) {
        Count count{*least, *least};
        if (Take(',')) count.most = Number().value_or(kForever);
        if (Take('}')) return count;
      }
    }
    at_ = begin;
    return std::nullopt;
  }

  Result<uint32_t> Quantified(uint32_t part, bool repeatable) {
    Count count{1, 1};
    if (Take('*')) {
      count = {0, kForever};
    } else if (Take('+')) {
      count = {1, kForever};
    } else if (Take('?')) {
      count = {0, 1};
    } else if (const auto counts = Counts(); counts) {
      count = *counts;
    } else {
      return part;
    }
    if (!repeatable) return Wrong("nothing to repeat: \"^\" and \"$\" stand for no character");
    if (count.most < count.least) return Wrong(fmt::format("{{{},{}}} is upside down", count.least, count.most));
    if (count.least > Limits::kRepeat || (count.most != kForever && count.most > Limits::kRepeat)) {
      return Wrong(fmt::format("more than {} repetitions, the limit", Limits::kRepeat), ErrorCode::kTooLarge);
    }
    Take('?');  // lazy or greedy: the same texts
    if (Peek() == '*' || Peek() == '+' || Peek() == '?') return Wrong("nothing to repeat");
    return pool_.Repeat(part, count.least, count.most);
  }

  Result<uint32_t> Hex(size_t digits) {
    uint32_t value = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const uint32_t c = Peek();
      const bool letter = (c | 0x20U) >= 'a' && (c | 0x20U) <= 'f' && c < 0x80;
      if (!letter && !(c >= '0' && c <= '9')) return Wrong(fmt::format("expected {} hexadecimal digits", digits));
      value = value << 4 | (letter ? (c | 0x20U) - 'a' + 10 : c - '0');
    }
    return value;
  }

  Result<uint32_t> UnicodeEscape() {
    if (Take('{')) {
      uint32_t value = 0;
      size_t digits = 0;
      for (; !AtEnd() && Peek() != '}'; ++digits) {
        BANTAM_TRY(const uint32_t digit, Hex(1));
        value = std::min(value << 4 | digit, 0x110000U);
      }
      if (digits == 0 || value > 0x10FFFF || !Take('}')) return Wrong("\"\\u{\" without a code point and \"}\"");
      return value;
    }
    BANTAM_TRY(const uint32_t high, Hex(4));
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high < 0xDC00 && Peek() == '\\' && Peek(1) == 'u') {
      at_ += 2;
      BANTAM_TRY(const uint32_t low, Hex(4));
      if (low >= 0xDC00 && low <= 0xDFFF) return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    }
    return Unsupported("half a surrogate pair");
  }

  // After "\p" or "\P".
  Result<CodePointSet> Property(bool negated) {
    std::string name;
    if (!Take('{')) return Wrong("\"\\p\" without the name of a property in braces");
    for (; !AtEnd() && Peek() != '}' && Peek() > ' ' && Peek() < 0x7F; ++at_) name += static_cast<char>(Peek());
    if (!Take('}')) return Wrong("\"\\p{\" without \"}\" behind the name of a property");
    const CodePointSet* set = FindProperty(name);
    if (set == nullptr) {
      return Unsupported(
          fmt::format("the Unicode property \"{}\" (known: {})", EscapeForTerminal(name, 60), KnownProperties()));
    }
    return negated ? set->Complement() : *set;
  }

  // After the backslash.
  Result<CodePointSet> Escape(bool in_class) {
    if (AtEnd()) return Wrong("\"\\\" at the end");
    const uint32_t c = text_[at_++];
    switch (c) {
      case 'd':
        return Digits();
      case 'D':
        return Digits().Complement();
      case 'w':
        return WordChars();
      case 'W':
        return WordChars().Complement();
      case 's':
        return Spaces();
      case 'S':
        return Spaces().Complement();
      case 't':
        return CodePointSet::Of('\t');
      case 'n':
        return CodePointSet::Of('\n');
      case 'r':
        return CodePointSet::Of('\r');
      case 'f':
        return CodePointSet::Of('\f');
      case 'v':
        return CodePointSet::Of('\v');
      case 'b':
        if (in_class) return CodePointSet::Of('\b');
        break;
      case '0':
        if (Peek() < '0' || Peek() > '9') return CodePointSet::Of(0);
        return Unsupported("an octal escape");
      case 'c': {
        const uint32_t letter = Peek() | 0x20U;
        if (AtEnd() || letter < 'a' || letter > 'z') return Wrong("\"\\c\" without a letter");
        ++at_;
        return CodePointSet::Of(letter - 'a' + 1);
      }
      case 'x': {
        BANTAM_TRY(const uint32_t value, Hex(2));
        return CodePointSet::Of(value);
      }
      case 'u': {
        BANTAM_TRY(const uint32_t value, UnicodeEscape());
        return CodePointSet::Of(value);
      }
      case 'p':
      case 'P':
        return Property(c == 'P');
      case 'k':
        return Unsupported("a back reference");
      default:
        break;
    }
    if (c >= '1' && c <= '9') return Unsupported("a back reference");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      return Wrong(fmt::format("unknown escape \"\\{}\"", static_cast<char>(c)));
    }
    return CodePointSet::Of(c);
  }

  // After the bracket.
  Result<uint32_t> Class() {
    const bool negated = Take('^');
    std::vector<CodePointRange> ranges;
    while (!Take(']')) {
      if (AtEnd()) return Wrong("\"[\" without \"]\"");
      BANTAM_TRY(const CodePointSet first, Member());
      if (Peek() != '-' || Peek(1) == ']' || Peek(1) == kNothing) {
        ranges.insert(ranges.end(), first.ranges().begin(), first.ranges().end());
        continue;
      }
      ++at_;
      BANTAM_TRY(const CodePointSet last, Member());
      const bool single = first.ranges().size() == 1 && first.ranges()[0].first == first.ranges()[0].last &&
                          last.ranges().size() == 1 && last.ranges()[0].first == last.ranges()[0].last;
      if (!single) return Wrong("a range in a class needs one character at each end");
      if (first.ranges()[0].first > last.ranges()[0].first) return Wrong("a range in a class is upside down");
      ranges.push_back({first.ranges()[0].first, last.ranges()[0].first});
    }
    CodePointSet set = CodePointSet::From(std::move(ranges));
    return pool_.Chars(negated ? set.Complement() : std::move(set));
  }

  Result<CodePointSet> Member() {
    if (Take('\\')) {
      if (Take('-')) return CodePointSet::Of('-');
      return Escape(true);
    }
    if (AtEnd()) return Wrong("\"[\" without \"]\"");
    return CodePointSet::Of(text_[at_++]);
  }

  std::string_view name_;
  ExprPool& pool_;
  std::vector<uint32_t> text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<uint32_t> ParseRegex(std::string_view pattern, std::string_view name, ExprPool& pool) {
  if (pattern.size() > Limits::kTextBytes) {
    return Err(ErrorCode::kTooLarge, "{}: {}, the limit is {}", name, HumanBytes(pattern.size()),
               HumanBytes(Limits::kTextBytes));
  }
  if (const auto at = FirstInvalidUtf8(pattern)) {
    return Err(ErrorCode::kInvalidArgument, "{}: byte {} is not well-formed UTF-8", name, *at);
  }
  return Parser(name, pool, DecodeUtf8(pattern)).Run();
}

}  // namespace bantam::grammar
