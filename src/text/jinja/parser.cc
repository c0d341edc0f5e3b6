#include "text/jinja/parser.h"

#include "base/text_util.h"
#include "text/jinja/expression_parser.h"

namespace bantam::jinja {
namespace {

using Kind = Node::Kind;

class StatementParser {
 public:
  StatementParser(Ast& ast, std::vector<Token> tokens, std::string_view name)
      : ast_(ast), expressions_(ast, std::move(tokens), name) {}

  Status Run() {
    BANTAM_TRY(ast_.body, Statements({}));
    if (At().kind != TokenKind::kEnd) return expressions_.Unexpected("the end of the template");
    return expressions_.CheckUnknown();
  }

 private:
  const Token& At() const { return expressions_.Peek(); }

  Result<Node*> New(Kind kind, uint32_t at) {
    if (ast_.nodes.size() >= ParserLimits::kNodes) {
      return expressions_.Wrong(at, fmt::format("the template has more than {} tags, the limit", ParserLimits::kNodes),
                                ErrorCode::kTooLarge);
    }
    Node& node = ast_.nodes.emplace_back();
    node.kind = kind;
    node.at = at;
    return &node;
  }

  Status ExpectBlockEnd() {
    if (At().kind != TokenKind::kBlockEnd) return expressions_.Unexpected("the end of the tag, %}");
    expressions_.Take();
    return Ok();
  }

  // Up to a tag with one of these names, which is left to be read; without names up to the end.
  Result<Body> Statements(std::initializer_list<std::string_view> ends) {
    const ExpressionParser::Level level(expressions_.depth);
    BANTAM_RETURN_IF_ERROR(expressions_.CheckDepth());
    Body body;
    for (;;) {
      const Token token = At();
      if (token.kind == TokenKind::kEnd) {
        if (ends.size() == 0) return body;
        return expressions_.Unexpected(fmt::format("{{% {} %}}", *(ends.end() - 1)));
      }
      if (token.kind == TokenKind::kText) {
        expressions_.Take();
        BANTAM_TRY(Node* const node, New(Kind::kText, token.at));
        node->text = token.text;
        body.push_back(node);
      } else if (token.kind == TokenKind::kPrintBegin) {
        expressions_.Take();
        BANTAM_TRY(Node* const node, New(Kind::kPrint, token.at));
        BANTAM_TRY(node->value, expressions_.TupleOrOne());
        if (At().kind != TokenKind::kPrintEnd) return expressions_.Unexpected("the end of the tag, }}");
        expressions_.Take();
        body.push_back(node);
      } else {
        for (const std::string_view end : ends) {
          if (expressions_.IsName(end, 1)) return body;
        }
        expressions_.Take();
        BANTAM_TRY(const Node* const node, Tag());
        body.push_back(node);
      }
    }
  }

  // {% NAME %}, whose beginning has been read, and its end.
  Status EndTag(std::string_view name) {
    expressions_.Take();  // {%
    if (!expressions_.SkipName(name)) return expressions_.Unexpected(name);
    return ExpectBlockEnd();
  }

  Result<const Node*> Tag() {
    BANTAM_TRY(const Token name, expressions_.ExpectName("a tag's name"));
    struct Row {
      std::string_view name;
      Result<const Node*> (StatementParser::*read)(uint32_t at);
    };
    static constexpr Row kTags[] = {
        {"if", &StatementParser::If},       {"for", &StatementParser::For},
        {"set", &StatementParser::Set},     {"macro", &StatementParser::Macro},
        {"call", &StatementParser::Call},   {"filter", &StatementParser::FilterBlock},
        {"with", &StatementParser::With},   {"generation", &StatementParser::Generation},
        {"break", &StatementParser::Break}, {"continue", &StatementParser::Continue},
    };
    for (const Row& row : kTags) {
      if (row.name == name.text) return (this->*row.read)(name.at);
    }
    for (const std::string_view left_out :
         {"include", "import", "from", "extends", "block", "autoescape", "trans", "do", "debug", "print"}) {
      if (name.text != left_out) continue;
      return expressions_.Wrong(name.at, fmt::format("the tag \"{}\" is not supported in chat templates", left_out),
                                ErrorCode::kUnsupported);
    }
    return expressions_.Wrong(name.at, fmt::format("unexpected tag \"{}\"", EscapeForTerminal(name.text, 40)));
  }

  Result<const Node*> If(uint32_t at) {
    BANTAM_TRY(Node* const node, New(Kind::kIf, at));
    const size_t unknown = expressions_.unknown();
    for (bool is_else = false;;) {
      Node::Branch branch;
      if (!is_else) {
        BANTAM_TRY(branch.condition, expressions_.TupleOrOne(false));
      }
      BANTAM_RETURN_IF_ERROR(ExpectBlockEnd());
      BANTAM_TRY(branch.body, is_else ? Statements({"endif"}) : Statements({"elif", "else", "endif"}));
      node->branches.push_back(std::move(branch));
      if (expressions_.IsName("endif", 1)) break;
      is_else = expressions_.IsName("else", 1);
      expressions_.Take();
      expressions_.Take();
    }
    expressions_.ForgiveUnknown(unknown);
    BANTAM_RETURN_IF_ERROR(EndTag("endif"));
    return node;
  }

  Result<const Node*> For(uint32_t at) {
    BANTAM_TRY(Node* const node, New(Kind::kFor, at));
    BANTAM_TRY(node->target, Targets(/*with_attribute=*/false));
    if (!expressions_.SkipName("in")) return expressions_.Unexpected("\"in\"");
    BANTAM_TRY(node->value, expressions_.TupleOrOne(false));
    if (expressions_.SkipName("if")) {
      BANTAM_TRY(node->condition, expressions_.Expression());
    }
    node->recursive = expressions_.SkipName("recursive");
    BANTAM_RETURN_IF_ERROR(ExpectBlockEnd());
    ++loops_;
    Result<Body> body = Statements({"else", "endfor"});
    --loops_;
    BANTAM_TRY(node->body, std::move(body));
    if (expressions_.IsName("else", 1)) {
      BANTAM_RETURN_IF_ERROR(EndTag("else"));
      BANTAM_TRY(node->otherwise, Statements({"endfor"}));
    }
    BANTAM_RETURN_IF_ERROR(EndTag("endfor"));
    return node;
  }

  Result<Target> OneTarget(bool with_attribute) {
    if (expressions_.SkipOperator("(")) {
      const ExpressionParser::Level level(expressions_.depth);
      BANTAM_RETURN_IF_ERROR(expressions_.CheckDepth());
      BANTAM_TRY(Target inner, Targets(false));
      BANTAM_RETURN_IF_ERROR(expressions_.ExpectOperator(")", "at the end of these names"));
      return inner;
    }
    BANTAM_TRY(const Token name, expressions_.ExpectName("a name to assign to"));
    for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
      if (name.text == constant) return expressions_.Wrong(name.at, fmt::format("cannot assign to {}", constant));
    }
    Target target;
    target.at = name.at;
    target.name = name.text;
    target.symbol = expressions_.Symbol(name.text);
    if (with_attribute && expressions_.SkipOperator(".")) {
      BANTAM_TRY(const Token attribute, expressions_.ExpectName("an attribute's name"));
      target.attribute = attribute.text;
    }
    return target;
  }

  Result<Target> Targets(bool with_attribute) {
    const uint32_t at = At().at;
    BANTAM_TRY(Target first, OneTarget(with_attribute));
    if (!expressions_.IsOperator(",")) return first;
    Target several;
    several.at = at;
    several.parts.push_back(std::move(first));
    while (expressions_.SkipOperator(",")) {
      if (At().kind != TokenKind::kName && !expressions_.IsOperator("(")) break;
      if (expressions_.IsName("in")) break;
      BANTAM_TRY(Target next, OneTarget(with_attribute));
      several.parts.push_back(std::move(next));
    }
    return several;
  }

  Result<const Node*> Set(uint32_t at) {
    BANTAM_TRY(Node* const node, New(Kind::kSet, at));
    BANTAM_TRY(node->target, Targets(/*with_attribute=*/true));
    if (expressions_.SkipOperator("=")) {
      BANTAM_TRY(node->value, expressions_.TupleOrOne());
      BANTAM_RETURN_IF_ERROR(ExpectBlockEnd());
      return node;
    }
    node->kind = Kind::kSetBlock;
    if (!node->target.parts.empty()) return expressions_.Unexpected("\"=\"");
    BANTAM_TRY(node->filters, expressions_.Filters(true));
    BANTAM_RETURN_IF_ERROR(ExpectBlockEnd());
    BANTAM_TRY(node->body, Statements({"endset"}));
    BANTAM_RETURN_IF_ERROR(EndTag("endset"));
    return node;
  }

  // A macro's or call block's body: names of loops outside are not its own.
  Result<Body> MacroBody(MacroNode& macro, std::string_view end) {
    MacroNode* const outer = std::exchange(expressions_.macro, &macro);
    const int loops = std::exchange(loops_, 0);
    Result<Body> body = Statements({end});
    loops_ = loops;
    expressions_.macro = outer;
    return body;
  }

  Result<const Node*> Macro(uint32_t at) {
    BANTAM_TRY(Node* const node, New(Kind::kMacro, at));
    MacroNode& macro = ast_.macros.emplace_back();
    BANTAM_TRY(const Token name, expressions_.ExpectName("the macro's name"));
    macro.name = name.text;
    node->target = {name.at, expressions_.Symbol(name.text), name.text, {}, {}};
    BANTAM_TRY(macro.parameters, expressions_.Parameters());
    BANTAM_RETURN_IF_ERROR(ExpectBlockEnd());
    BANTAM_TRY(macro.body, MacroBody(macro, "endmacro"));
    BANTAM_RETURN_IF_ERROR(EndTag("endmacro"));
    node->macro = &macro;
    return node;
  }

  Result<const Node*> Call(uint32_t at) {
    BANTAM_TRY(Node* const node, New(Kind::kCall, at));
    MacroNode& macro = ast_.macros.emplace_back();
    macro.name = "caller";
    if (expressions_.IsOperator("(")) {
      BANTAM_TRY(macro.parameters, expressions_.Parameters());
    }
    BANTAM_TRY(node->value, expressions_.Operand());
    if (node->value->kind != Expr::Kind::kSuffixed || node->value->suffixes.back().kind != Suffix::Kind::kCall) {
      return expressions_.Wrong(node->value->at, "expected a call of a macro");
    }
    BANTAM_RETURN_IF_ERROR(ExpectBlockEnd());
    BANTAM_TRY(macro.body, MacroBody(macro, "endcall"));
    BANTAM_RETURN_IF_ERROR(EndTag("endcall"));
    node->macro = &macro;
    return node;
  }

  Result<const Node*> FilterBlock(uint32_t at) {
    BANTAM_TRY(Node* const node, New(Kind::kFilter, at));
    BANTAM_TRY(node->filters, expressions_.Filters(false));
    BANTAM_RETURN_IF_ERROR(ExpectBlockEnd());
    BANTAM_TRY(node->body, Statements({"endfilter"}));
    BANTAM_RETURN_IF_ERROR(EndTag("endfilter"));
    return node;
  }

  Result<const Node*> With(uint32_t at) {
    BANTAM_TRY(Node* const node, New(Kind::kWith, at));
    while (At().kind != TokenKind::kBlockEnd) {
      BANTAM_TRY(Target target, OneTarget(false));
      BANTAM_RETURN_IF_ERROR(expressions_.ExpectOperator("=", "after the name"));
      BANTAM_TRY(const Expr* const value, expressions_.Expression());
      node->assignments.emplace_back(std::move(target), value);
      if (!expressions_.SkipOperator(",")) break;
    }
    BANTAM_RETURN_IF_ERROR(ExpectBlockEnd());
    BANTAM_TRY(node->body, Statements({"endwith"}));
    BANTAM_RETURN_IF_ERROR(EndTag("endwith"));
    return node;
  }

  // Marks what the assistant says, for training; nothing of it is printed.
  Result<const Node*> Generation(uint32_t at) {
    BANTAM_TRY(Node* const node, New(Kind::kScoped, at));
    BANTAM_RETURN_IF_ERROR(ExpectBlockEnd());
    const int loops = std::exchange(loops_, 0);
    Result<Body> body = Statements({"endgeneration"});
    loops_ = loops;
    BANTAM_TRY(node->body, std::move(body));
    BANTAM_RETURN_IF_ERROR(EndTag("endgeneration"));
    return node;
  }

  Result<const Node*> Jump(Kind kind, uint32_t at, std::string_view name) {
    if (loops_ == 0) return expressions_.Wrong(at, fmt::format("\"{}\" outside a loop", name));
    BANTAM_TRY(Node* const node, New(kind, at));
    BANTAM_RETURN_IF_ERROR(ExpectBlockEnd());
    return node;
  }
  Result<const Node*> Break(uint32_t at) { return Jump(Kind::kBreak, at, "break"); }
  Result<const Node*> Continue(uint32_t at) { return Jump(Kind::kContinue, at, "continue"); }

  Ast& ast_;
  ExpressionParser expressions_;
  int loops_ = 0;  // around what is being read
};

}  // namespace

Result<std::unique_ptr<const Ast>> Parse(std::string_view source, std::string_view name) {
  if (source.size() > ParserLimits::kSourceBytes) {
    return Err(ErrorCode::kTooLarge, "{}: the template has {} bytes, the limit is {}", name, source.size(),
               ParserLimits::kSourceBytes);
  }
  if (const std::optional<size_t> bad = FirstInvalidUtf8(source)) {
    return ErrorAt(ErrorCode::kCorrupt, name, source, *bad, "the template is not well-formed UTF-8");
  }
  auto ast = std::make_unique<Ast>();
  ast->source = NormalizeSource(source);
  BANTAM_TRY(std::vector<Token> tokens, Tokenize(ast->source, name));
  BANTAM_RETURN_IF_ERROR(StatementParser(*ast, std::move(tokens), name).Run());
  return std::unique_ptr<const Ast>(std::move(ast));
}

}  // namespace bantam::jinja
