// What follows an operand: subscripts, calls, filters, tests; and the parameters of macros.
#include "text/jinja/expression_parser.h"

#include "text/jinja/callables.h"
#include "text/jinja/text_work.h"

namespace bantam::jinja {

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
