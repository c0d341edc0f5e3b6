#include "text/jinja/expression_parser.h"

#include "base/text_util.h"
#include "text/jinja/callables.h"
#include "text/jinja/text_work.h"

namespace bantam::jinja {

Error ExpressionParser::Unexpected(std::string_view expected) const {
  const Token& token = Peek();
  const std::string got = token.kind == TokenKind::kEnd ? "the end of the template"
                                                        : fmt::format("\"{}\"", EscapeForTerminal(token.text, 40));
  return Wrong(token.at, fmt::format("expected {}, got {}", expected, got));
}

Status ExpressionParser::ExpectOperator(std::string_view text, std::string_view where) {
  if (SkipOperator(text)) return Ok();
  return Unexpected(fmt::format("\"{}\" {}", text, where));
}

Result<Token> ExpressionParser::ExpectName(std::string_view what) {
  if (Peek().kind != TokenKind::kName) return Unexpected(what);
  return Take();
}

Status ExpressionParser::CheckDepth() const {
  if (depth <= ParserLimits::kNesting) return Ok();
  return Wrong(Peek().at,
               fmt::format("tags or brackets are nested deeper than {} levels, the limit", ParserLimits::kNesting),
               ErrorCode::kTooLarge);
}

Status ExpressionParser::CheckUnknown() const {
  if (unknown_.empty()) return Ok();
  return Wrong(unknown_[0].at, unknown_[0].what, ErrorCode::kUnsupported);
}

Result<Expr*> ExpressionParser::New(Expr::Kind kind, uint32_t at) {
  if (ast_.expressions.size() >= ParserLimits::kNodes) {
    return Wrong(at, fmt::format("the template has more than {} operations, the limit", ParserLimits::kNodes),
                 ErrorCode::kTooLarge);
  }
  Expr& expr = ast_.expressions.emplace_back();
  expr.kind = kind;
  expr.at = at;
  return &expr;
}

uint32_t ExpressionParser::Symbol(std::string_view name) {
  const auto [place, is_new] = symbols_.emplace(name, static_cast<uint32_t>(ast_.symbols.size()));
  if (is_new) ast_.symbols.push_back(name);
  return place->second;
}

// a OP b OP c, all of one precedence, as one node.
Result<const Expr*> ExpressionParser::Chain(Expr::Kind kind,
                                            std::initializer_list<std::pair<std::string_view, Operator>> operators,
                                            Rule next) {
  const uint32_t at = Peek().at;
  BANTAM_TRY(const Expr* const first, (this->*next)());
  Expr* chain = nullptr;
  for (;;) {
    const auto* found = operators.begin();
    while (found != operators.end() && !IsOperator(found->first)) ++found;
    if (found == operators.end()) return chain != nullptr ? chain : first;
    if (chain == nullptr) {
      BANTAM_TRY(chain, New(kind, at));
      chain->operands.push_back(first);
    }
    const Token sign = Take();
    if (chain->operands.size() >= ParserLimits::kChain) {
      return Wrong(sign.at, fmt::format("more than {} operands in a row, the limit", ParserLimits::kChain),
                   ErrorCode::kTooLarge);
    }
    BANTAM_TRY(const Expr* const operand, (this->*next)());
    chain->operands.push_back(operand);
    chain->operators.push_back(found->second);
  }
}

Result<const Expr*> ExpressionParser::Expression(bool with_condition) {
  const Level level(depth);
  BANTAM_RETURN_IF_ERROR(CheckDepth());
  if (!with_condition) return Or();
  const uint32_t at = Peek().at;
  const size_t unknown = unknown_.size();
  BANTAM_TRY(const Expr* value, Or());
  for (int choices = 0; IsName("if"); ++choices) {
    const Token sign = Take();
    if (choices >= ParserLimits::kNesting) {
      return Wrong(sign.at, fmt::format("more than {} conditions in a row, the limit", ParserLimits::kNesting),
                   ErrorCode::kTooLarge);
    }
    BANTAM_TRY(Expr* const choice, New(Expr::Kind::kConditional, at));
    BANTAM_TRY(const Expr* const condition, Or());
    const Expr* other = nullptr;
    if (SkipName("else")) {
      BANTAM_TRY(other, Expression());
    }
    choice->operands = {value, condition, other};
    value = choice;
    ForgiveUnknown(unknown);
  }
  return value;
}

Result<const Expr*> ExpressionParser::Or() {
  const uint32_t at = Peek().at;
  BANTAM_TRY(const Expr* const first, And());
  if (!IsName("or")) return first;
  BANTAM_TRY(Expr* const chain, New(Expr::Kind::kOr, at));
  chain->operands.push_back(first);
  while (SkipName("or")) {
    BANTAM_TRY(const Expr* const next, And());
    chain->operands.push_back(next);
  }
  return chain;
}

Result<const Expr*> ExpressionParser::And() {
  const uint32_t at = Peek().at;
  BANTAM_TRY(const Expr* const first, Not());
  if (!IsName("and")) return first;
  BANTAM_TRY(Expr* const chain, New(Expr::Kind::kAnd, at));
  chain->operands.push_back(first);
  while (SkipName("and")) {
    BANTAM_TRY(const Expr* const next, Not());
    chain->operands.push_back(next);
  }
  return chain;
}

Result<const Expr*> ExpressionParser::Not() {
  if (!IsName("not")) return Comparison();
  const Level level(depth);
  BANTAM_RETURN_IF_ERROR(CheckDepth());
  BANTAM_TRY(Expr* const negation, New(Expr::Kind::kNot, Take().at));
  BANTAM_TRY(const Expr* const operand, Not());
  negation->operands.push_back(operand);
  return negation;
}

Result<const Expr*> ExpressionParser::Comparison() {
  static constexpr std::pair<std::string_view, Operator> kOperators[] = {
      {"==", Operator::kEqual},     {"!=", Operator::kNotEqual}, {"<", Operator::kLess},
      {"<=", Operator::kLessEqual}, {">", Operator::kGreater},   {">=", Operator::kGreaterEqual}};
  const uint32_t at = Peek().at;
  BANTAM_TRY(const Expr* const first, Sum());
  Expr* chain = nullptr;
  for (;;) {
    std::optional<Operator> op;
    for (const auto& [text, each] : kOperators) {
      if (IsOperator(text)) op = each;
    }
    if (op) Take();
    if (!op && SkipName("in")) op = Operator::kIn;
    if (!op && IsName("not") && IsName("in", 1)) op = Operator::kNotIn, Take(), Take();
    if (!op) return chain != nullptr ? chain : first;
    if (chain == nullptr) {
      BANTAM_TRY(chain, New(Expr::Kind::kCompare, at));
      chain->operands.push_back(first);
    }
    BANTAM_TRY(const Expr* const next, Sum());
    chain->operands.push_back(next);
    chain->operators.push_back(*op);
  }
}

Result<const Expr*> ExpressionParser::Sum() {
  return Chain(Expr::Kind::kArithmetic, {{"+", Operator::kAdd}, {"-", Operator::kSubtract}}, &ExpressionParser::Concat);
}
Result<const Expr*> ExpressionParser::Concat() {
  return Chain(Expr::Kind::kConcat, {{"~", Operator::kAdd}}, &ExpressionParser::Product);
}
Result<const Expr*> ExpressionParser::Product() {
  return Chain(
      Expr::Kind::kArithmetic,
      {{"*", Operator::kMultiply}, {"/", Operator::kDivide}, {"//", Operator::kFloorDivide}, {"%", Operator::kModulo}},
      &ExpressionParser::Power);
}
Result<const Expr*> ExpressionParser::Power() {
  const uint32_t at = Peek().at;
  BANTAM_TRY(const Expr* const first, Unary());
  if (!IsOperator("**")) return first;
  BANTAM_TRY(Expr* const chain, New(Expr::Kind::kArithmetic, at));
  chain->operands.push_back(first);
  while (SkipOperator("**")) {
    BANTAM_TRY(const Expr* const next, Unary());
    chain->operands.push_back(next);
    chain->operators.push_back(Operator::kPower);
  }
  return chain;
}

Result<const Expr*> ExpressionParser::Unary(bool with_filters) {
  const Level level(depth);
  BANTAM_RETURN_IF_ERROR(CheckDepth());
  if (!IsOperator("-") && !IsOperator("+")) {
    BANTAM_TRY(const Expr* const operand, Primary());
    BANTAM_TRY(const Expr* const whole, Suffixes(operand, with_filters));
    return whole;
  }
  const Token sign = Take();
  BANTAM_TRY(Expr* const unary, New(sign.text == "-" ? Expr::Kind::kNegative : Expr::Kind::kPositive, sign.at));
  BANTAM_TRY(const Expr* const operand, Unary(false));
  unary->operands.push_back(operand);
  BANTAM_TRY(const Expr* const whole, Suffixes(unary, with_filters));
  return whole;
}

Result<const Expr*> ExpressionParser::Operand() {
  BANTAM_TRY(const Expr* const operand, Primary());
  return Suffixes(operand, true);
}

Result<const Expr*> ExpressionParser::TupleOrOne(bool with_condition, bool may_be_empty) {
  const uint32_t at = Peek().at;
  std::vector<const Expr*> items;
  bool is_tuple = false;
  const auto ends = [&] {
    const TokenKind kind = Peek().kind;
    return kind == TokenKind::kPrintEnd || kind == TokenKind::kBlockEnd || IsOperator(")") || IsOperator("=") ||
           (!with_condition && (IsName("recursive") || IsName("if")));
  };
  while (!ends()) {
    BANTAM_TRY(const Expr* const item, Expression(with_condition));
    items.push_back(item);
    if (!SkipOperator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && items.size() == 1) return items[0];
  if (items.empty() && !may_be_empty) return Unexpected("an expression");
  BANTAM_TRY(Expr* const tuple, New(Expr::Kind::kTuple, at));
  tuple->operands = std::move(items);
  return tuple;
}

Result<const Expr*> ExpressionParser::Primary() {
  const Token& token = Peek();
  switch (token.kind) {
    case TokenKind::kName: {
      const Token name = Take();
      const bool is_true = name.text == "true" || name.text == "True";
      if (is_true || name.text == "false" || name.text == "False") {
        BANTAM_TRY(Expr* const literal, New(Expr::Kind::kLiteral, name.at));
        literal->literal = is_true;
        return literal;
      }
      if (name.text == "none" || name.text == "None") {
        BANTAM_TRY(Expr* const literal, New(Expr::Kind::kLiteral, name.at));
        literal->literal = None{};
        return literal;
      }
      BANTAM_TRY(Expr* const expr, New(Expr::Kind::kName, name.at));
      expr->name = name.text;
      expr->symbol = Symbol(name.text);
      if (macro != nullptr) {
        macro->uses_caller |= name.text == "caller";
        macro->uses_varargs |= name.text == "varargs";
        macro->uses_kwargs |= name.text == "kwargs";
      }
      return expr;
    }
    case TokenKind::kString:
      return Strings();
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return Number();
    default:
      break;
  }
  if (IsOperator("[")) return ListLiteral();
  if (IsOperator("{")) return DictLiteral();
  if (!SkipOperator("(")) return Unexpected("an expression");
  BANTAM_TRY(const Expr* const inner, TupleOrOne(true, true));
  BANTAM_RETURN_IF_ERROR(ExpectOperator(")", "at the end of this bracket"));
  return inner;
}

Result<const Expr*> ExpressionParser::Number() {
  const Token token = Take();
  BANTAM_TRY(Expr* const literal, New(Expr::Kind::kLiteral, token.at));
  if (token.kind == TokenKind::kFloat) {
    const std::optional<double> number = ParseFloat(token.text);
    if (!number) return Wrong(token.at, fmt::format("\"{}\" is no number", token.text));
    literal->literal = *number;
  } else {
    const bool leading_zero = token.text.size() > 1 && token.text[0] == '0' &&
                              token.text.find_first_not_of("0_") != std::string_view::npos && token.text[1] >= '0' &&
                              token.text[1] <= '9';
    const std::optional<Int> number = leading_zero ? std::nullopt : ParseInt(token.text, 0);
    if (!number) return Wrong(token.at, fmt::format("\"{}\" is no integer of at most 127 bits", token.text));
    literal->literal = *number;
  }
  return literal;
}

Result<const Expr*> ExpressionParser::Strings() {
  BANTAM_TRY(Expr* const literal, New(Expr::Kind::kLiteral, Peek().at));
  std::string text;
  while (Peek().kind == TokenKind::kString) {  // 'a' 'b' is 'ab'
    BANTAM_TRY(const std::string part, Unescape(Take()));
    text += part;
  }
  literal->literal = LiteralText(MarkedText(std::move(text)));
  return literal;
}

Result<std::string> ExpressionParser::Unescape(const Token& token) {
  const std::string_view text = token.text;
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    static constexpr std::string_view kLetters = "nrtabfv\\'\"", kMeanings = "\n\r\t\a\b\f\v\\'\"";
    const size_t known = kLetters.find(c);
    const size_t hex = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (known != std::string_view::npos) {
      out += kMeanings[known];
    } else if (c == '\n') {
      // a line that goes on
    } else if (c >= '0' && c <= '7') {
      uint32_t number = 0;
      size_t digits = 0;
      for (; digits < 3 && i + digits < text.size() && text[i + digits] >= '0' && text[i + digits] <= '7'; ++digits) {
        number = number * 8 + static_cast<uint32_t>(text[i + digits] - '0');
      }
      i += digits - 1;
      AppendUtf8(number, out);
    } else if (hex > 0) {
      uint32_t number = 0;
      if (i + hex >= text.size()) return Wrong(token.at, "this string ends inside an escape");
      for (size_t k = 1; k <= hex; ++k) {
        const std::optional<Int> digit = ParseInt(text.substr(i + k, 1), 16);
        if (!digit)
          return Wrong(token.at, fmt::format("this string has an escape \\{} without {} hexadecimal digits", c, hex));
        number = number * 16 + static_cast<uint32_t>(*digit);
      }
      if (number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF)) {
        return Wrong(token.at, fmt::format("this string has an escape \\{} that is no character", c));
      }
      i += hex;
      AppendUtf8(number, out);
    } else if (c == 'N') {
      return Wrong(token.at, "escapes by name (\\N{...}) are not supported; use \\u", ErrorCode::kUnsupported);
    } else {
      out += '\\';
      out += c;
    }
  }
  return out;
}

Result<const Expr*> ExpressionParser::ListLiteral() {
  BANTAM_TRY(Expr* const list, New(Expr::Kind::kList, Take().at));
  while (!IsOperator("]")) {
    BANTAM_TRY(const Expr* const item, Expression());
    list->operands.push_back(item);
    if (!SkipOperator(",")) break;
  }
  BANTAM_RETURN_IF_ERROR(ExpectOperator("]", "at the end of this list"));
  return list;
}

Result<const Expr*> ExpressionParser::DictLiteral() {
  BANTAM_TRY(Expr* const dict, New(Expr::Kind::kDict, Take().at));
  while (!IsOperator("}")) {
    BANTAM_TRY(const Expr* const key, Expression());
    BANTAM_RETURN_IF_ERROR(ExpectOperator(":", "after a key of this dict"));
    BANTAM_TRY(const Expr* const value, Expression());
    dict->operands.push_back(key);
    dict->operands.push_back(value);
    if (!SkipOperator(",")) break;
  }
  BANTAM_RETURN_IF_ERROR(ExpectOperator("}", "at the end of this dict"));
  return dict;
}

Result<const Expr*> ExpressionParser::Suffixes(const Expr* operand, bool with_filters) {
  Expr* whole = nullptr;
  bool filtered = false;  // after a filter only filters, tests and calls may follow
  for (;;) {
    const uint32_t at = Peek().at;
    const bool subscript = !filtered && (IsOperator(".") || IsOperator("["));
    const bool call = IsOperator("(") && (!filtered || with_filters);
    const bool filter = with_filters && IsOperator("|"), test = with_filters && IsName("is");
    if (!subscript && !call && !filter && !test) return whole != nullptr ? whole : operand;
    if (whole == nullptr) {
      BANTAM_TRY(whole, New(Expr::Kind::kSuffixed, operand->at));
      whole->operands.push_back(operand);
    }
    if (whole->suffixes.size() >= ParserLimits::kChain) {
      return Wrong(at,
                   fmt::format("more than {} filters, calls and subscripts in a row, the limit", ParserLimits::kChain),
                   ErrorCode::kTooLarge);
    }
    Suffix suffix;
    if (subscript) {
      BANTAM_TRY(suffix, Subscript());
    } else if (call) {
      Take();
      suffix.kind = Suffix::Kind::kCall;
      BANTAM_TRY(suffix.arguments, Arguments());
    } else if (filter) {
      Take();
      BANTAM_TRY(suffix, Filter());
    } else {
      BANTAM_TRY(suffix, Test());
    }
    filtered |= filter || test;
    suffix.at = at;
    whole->suffixes.push_back(std::move(suffix));
  }
}

Result<Suffix> ExpressionParser::Subscript() {
  Suffix suffix;
  if (SkipOperator("[")) {
    BANTAM_RETURN_IF_ERROR(Index(suffix));
    return suffix;
  }
  Take();  // the dot
  const Token token = Take();
  if (token.kind == TokenKind::kName) {
    suffix.name = token.text;
    return suffix;
  }
  if (token.kind != TokenKind::kInteger) return Wrong(token.at, "expected a name or a number after the dot");
  suffix.kind = Suffix::Kind::kItem;
  BANTAM_TRY(Expr* const index, New(Expr::Kind::kLiteral, token.at));
  index->literal = ParseInt(token.text, 10).value_or(0);
  suffix.index = index;
  return suffix;
}

// After "[": an index, several (a tuple), or a slice.
Status ExpressionParser::Index(Suffix& suffix) {
  suffix.kind = Suffix::Kind::kItem;
  const uint32_t at = Peek().at;
  std::vector<const Expr*> items;
  bool is_slice = false, has_comma = false;
  while (!IsOperator("]")) {
    const Expr* item = nullptr;
    if (!IsOperator(":")) {
      BANTAM_TRY(item, Expression());
    }
    if (IsOperator(":")) {
      is_slice = true;
      suffix.bounds[0] = item;
      for (size_t i = 1; i < 3 && SkipOperator(":"); ++i) {
        if (IsOperator("]") || IsOperator(":") || IsOperator(",")) continue;
        BANTAM_TRY(suffix.bounds[i], Expression());
      }
    } else {
      items.push_back(item);
    }
    if (!SkipOperator(",")) break;
    has_comma = true;
  }
  BANTAM_RETURN_IF_ERROR(ExpectOperator("]", "at the end of this index"));
  if (is_slice) {
    if (has_comma || !items.empty()) return Wrong(at, "a slice with commas is not supported", ErrorCode::kUnsupported);
    suffix.kind = Suffix::Kind::kSlice;
    return Ok();
  }
  if (items.size() == 1 && !has_comma) {
    suffix.index = items[0];
    return Ok();
  }
  BANTAM_TRY(Expr* const tuple, New(Expr::Kind::kTuple, at));
  tuple->operands = std::move(items);
  suffix.index = tuple;
  return Ok();
}

Result<CallArguments> ExpressionParser::Arguments() {
  CallArguments out;
  while (!IsOperator(")")) {
    if (SkipOperator("**")) {
      if (out.double_star != nullptr) return Unexpected("one ** argument only");
      BANTAM_TRY(out.double_star, Expression());
    } else if (SkipOperator("*")) {
      if (out.star != nullptr) return Unexpected("one * argument only");
      BANTAM_TRY(out.star, Expression());
    } else if (Peek().kind == TokenKind::kName && IsOperator("=", 1)) {
      const Token name = Take();
      Take();
      BANTAM_TRY(const Expr* const value, Expression());
      for (const auto& each : out.named) {
        if (each.name == name.text) return Wrong(name.at, fmt::format("the argument \"{}\" is given twice", name.text));
      }
      if (out.named.size() >= 100)
        return Wrong(name.at, "more than 100 named arguments, the limit", ErrorCode::kTooLarge);
      out.named.push_back({name.text, value});
    } else {
      if (!out.named.empty()) return Unexpected("named arguments only after a named one");
      BANTAM_TRY(const Expr* const value, Expression());
      out.positional.push_back(value);
    }
    if (!SkipOperator(",")) break;
  }
  BANTAM_RETURN_IF_ERROR(ExpectOperator(")", "at the end of these arguments"));
  return out;
}

Result<Suffix> ExpressionParser::Filter() {
  Suffix suffix;
  suffix.kind = Suffix::Kind::kFilter;
  BANTAM_TRY(const Token name, ExpectName("a filter's name"));
  suffix.name = name.text;
  suffix.callable = FindFilter(name.text);
  if (suffix.callable == nullptr) unknown_.push_back({name.at, fmt::format("there is no filter \"{}\"", name.text)});
  if (SkipOperator("(")) {
    BANTAM_TRY(suffix.arguments, Arguments());
  }
  return suffix;
}

Result<std::vector<Suffix>> ExpressionParser::Filters(bool first_has_bar) {
  std::vector<Suffix> out;
  while (!first_has_bar || IsOperator("|")) {
    if (first_has_bar) Take();
    first_has_bar = true;
    const uint32_t at = Peek().at;
    BANTAM_TRY(Suffix suffix, Filter());
    suffix.at = at;
    out.push_back(std::move(suffix));
  }
  return out;
}

Result<Suffix> ExpressionParser::Test() {
  Suffix suffix;
  suffix.kind = Suffix::Kind::kTest;
  Take();  // is
  suffix.negated = SkipName("not");
  BANTAM_TRY(const Token name, ExpectName("a test's name"));
  suffix.name = name.text;
  suffix.callable = FindTest(name.text);
  if (suffix.callable == nullptr) unknown_.push_back({name.at, fmt::format("there is no test \"{}\"", name.text)});
  if (SkipOperator("(")) {
    BANTAM_TRY(suffix.arguments, Arguments());
    return suffix;
  }
  // x is divisibleby 3: an argument without brackets.
  const TokenKind kind = Peek().kind;
  const bool operand = kind == TokenKind::kName || kind == TokenKind::kString || kind == TokenKind::kInteger ||
                       kind == TokenKind::kFloat || IsOperator("[") || IsOperator("{");
  if (!operand || IsName("else") || IsName("or") || IsName("and") || IsName("if") || IsName("in") || IsName("not")) {
    return suffix;
  }
  if (IsName("is")) return Unexpected("no second test right after a test; join them with \"and\"");
  BANTAM_TRY(const Expr* const first, Primary());
  BANTAM_TRY(const Expr* const argument, Suffixes(first, false));
  suffix.arguments.positional.push_back(argument);
  return suffix;
}

Result<std::vector<MacroNode::Parameter>> ExpressionParser::Parameters() {
  std::vector<MacroNode::Parameter> out;
  BANTAM_RETURN_IF_ERROR(ExpectOperator("(", "before the parameters"));
  while (!IsOperator(")")) {
    BANTAM_TRY(const Token name, ExpectName("a parameter's name"));
    MacroNode::Parameter parameter{Symbol(name.text), name.text};
    if (SkipOperator("=")) {
      BANTAM_TRY(parameter.other, Expression());
    } else if (!out.empty() && out.back().other != nullptr) {
      return Wrong(name.at, fmt::format("the parameter \"{}\" needs a default: the one before it has one", name.text));
    }
    if (out.size() >= 100) return Wrong(name.at, "more than 100 parameters, the limit", ErrorCode::kTooLarge);
    out.push_back(parameter);
    if (!SkipOperator(",")) break;
  }
  BANTAM_RETURN_IF_ERROR(ExpectOperator(")", "at the end of the parameters"));
  return out;
}

}  // namespace bantam::jinja
