// Expressions: from Jinja's precedences to nodes. StatementParser reads tags with it.
#pragma once

#include <map>

#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"

namespace bantam::jinja {

class ExpressionParser {
 public:
  ExpressionParser(Ast& ast, std::vector<Token> tokens, std::string_view name)
      : ast_(ast), tokens_(std::move(tokens)), name_(name) {}

  const Token& Peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token Take() {
    const Token token = Peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool IsName(std::string_view name, size_t ahead = 0) const {
    return Peek(ahead).kind == TokenKind::kName && Peek(ahead).text == name;
  }
  bool IsOperator(std::string_view text, size_t ahead = 0) const {
    return Peek(ahead).kind == TokenKind::kOperator && Peek(ahead).text == text;
  }
  bool SkipName(std::string_view name) { return IsName(name) ? (Take(), true) : false; }
  bool SkipOperator(std::string_view text) { return IsOperator(text) ? (Take(), true) : false; }
  Status ExpectOperator(std::string_view text, std::string_view where);
  Result<Token> ExpectName(std::string_view what);

  Error Wrong(uint32_t at, std::string_view what, ErrorCode code = ErrorCode::kCorrupt) const {
    return ErrorAt(code, name_, ast_.source, at, what);
  }
  Error Unexpected(std::string_view expected) const;

  Result<const Expr*> Expression(bool with_condition = true);
  // One expression or, with commas, a tuple of several. `may_be_empty`: inside brackets.
  Result<const Expr*> TupleOrOne(bool with_condition = true, bool may_be_empty = false);
  // | a | b(1), as in {% filter %}, whose first name has no bar before it.
  Result<std::vector<Suffix>> Filters(bool first_has_bar);
  Result<std::vector<MacroNode::Parameter>> Parameters();
  Result<CallArguments> Arguments();  // after the opening bracket
  Result<const Expr*> Operand();      // with its suffixes

  uint32_t Symbol(std::string_view name);
  // Filters and tests that do not exist are errors; under an `if` only when they are used, as in Jinja.
  size_t unknown() const { return unknown_.size(); }
  void ForgiveUnknown(size_t since) { unknown_.resize(since); }
  Status CheckUnknown() const;

  // What the macro that is being read refers to.
  MacroNode* macro = nullptr;

  // Counts a level of nesting while it lives.
  class Level {
   public:
    explicit Level(int& depth) : depth_(depth) { ++depth_; }
    ~Level() { --depth_; }
    Level(const Level&) = delete;

   private:
    int& depth_;
  };
  int depth = 0;
  Status CheckDepth() const;

 protected:
  Result<Expr*> New(Expr::Kind kind, uint32_t at);
  Ast& ast_;

 private:
  using Rule = Result<const Expr*> (ExpressionParser::*)();
  Result<const Expr*> Or();
  Result<const Expr*> And();
  Result<const Expr*> Not();
  Result<const Expr*> Comparison();
  Result<const Expr*> Sum();
  Result<const Expr*> Concat();
  Result<const Expr*> Product();
  Result<const Expr*> Power();
  Result<const Expr*> Unary(bool with_filters = true);
  Result<const Expr*> Primary();
  Result<const Expr*> Number();
  Result<const Expr*> Strings();
  Result<const Expr*> ListLiteral();
  Result<const Expr*> DictLiteral();
  Result<const Expr*> Suffixes(const Expr* operand, bool with_filters);
  Result<Suffix> Subscript();
  Result<Suffix> Test();
  Result<Suffix> Filter();
  Status Index(Suffix& suffix);
  Result<std::string> Unescape(const Token& token);
  Result<const Expr*> Chain(Expr::Kind kind, std::initializer_list<std::pair<std::string_view, Operator>> operators,
                            Rule next);

  std::vector<Token> tokens_;
  size_t at_ = 0;
  std::string_view name_;
  std::map<std::string_view, uint32_t> symbols_;
  struct Unknown {
    uint32_t at = 0;
    std::string what;
  };
  std::vector<Unknown> unknown_;
};

}  // namespace bantam::jinja
