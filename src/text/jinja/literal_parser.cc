// Literals of expressions: numbers, strings with their escapes, lists, dicts, brackets.
#include "text/jinja/expression_parser.h"

#include "base/text_util.h"
#include "text/jinja/text_work.h"

namespace bantam::jinja {

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

}  // namespace bantam::jinja
