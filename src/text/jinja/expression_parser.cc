#include "text/jinja/expression_parser.h"

#include "base/text_util.h"

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

}  // namespace bantam::jinja
