// Runs a parsed template. One object for one render; what it computes lies in the machine's heap.
#pragma once

#include "text/jinja/ast.h"
#include "text/jinja/callables.h"
#include "text/jinja/lexer.h"

namespace bantam::jinja {

class Interpreter {
 public:
  // `name` begins the errors. All must outlive the interpreter.
  Interpreter(const Ast& ast, std::string_view name, Machine& machine);

  // `globals` holds the variables that the template was given.
  Status Run(Scope* globals, MarkedText& out);

 private:
  enum class Flow { kNext, kBreak, kContinue };

  // Statements: interpreter.cc.
  Result<Flow> Execute(const Body& body, Scope* scope, MarkedText& out);
  Result<Flow> Execute(const Node& node, Scope* scope, MarkedText& out);
  Result<Flow> ExecuteIf(const Node& node, Scope* scope, MarkedText& out);
  Result<Flow> ExecuteFor(const Node& node, const Value& iterable, size_t depth, Scope* outer, MarkedText& out);
  Result<Flow> ExecuteWith(const Node& node, Scope* scope, MarkedText& out);
  Status ExecuteSetBlock(const Node& node, Scope* scope);
  Status ExecuteCallBlock(const Node& node, Scope* scope, MarkedText& out);
  Status Append(uint32_t at, const Value& value, MarkedText& out);
  Status CheckOutput(uint32_t at, const MarkedText& out) const;
  Status Assign(const Target& target, Value value, Scope* scope);
  // The body in a scope of its own.
  Result<MarkedText> Captured(const Body& body, Scope* scope);
  Result<std::vector<Value>> Filtered(const Node& node, std::vector<Value> items, Scope* outer);

  // Expressions: evaluator.cc.
  struct Given {
    std::vector<Value> positional;
    std::vector<NamedValue> named;
  };
  Result<Value> Evaluate(const Expr& expr, Scope* scope);
  Result<Value> EvaluateInner(const Expr& expr, Scope* scope);
  Result<Value> EvaluateCompare(const Expr& expr, Scope* scope);
  Result<Value> EvaluateDict(const Expr& expr, Scope* scope);
  // The operand with its first `count` suffixes.
  Result<Value> EvaluateSuffixed(const Expr& expr, size_t count, Scope* scope);
  Result<Value> ApplySuffix(const Suffix& suffix, Value value, Scope* scope);
  Result<Value> ApplyFilters(const std::vector<Suffix>& filters, Value value, Scope* scope);
  Result<Value> EvaluateSlice(const Suffix& suffix, const Value& value, Scope* scope);
  Result<Given> EvaluateArguments(uint32_t at, const CallArguments& arguments, Scope* scope);
  Result<Value> CallValue(uint32_t at, const Value& callee, Given given);
  Result<Value> CallMacro(uint32_t at, const Macro& macro, Given given);
  Result<Value> CallLoop(uint32_t at, const Loop& loop, const Given& given);

  Error Place(uint32_t at, Error error) const;
  template <typename T>
  Result<T> At(uint32_t at, Result<T> result) const {
    return result ? std::move(result) : Result<T>(Place(at, std::move(result).error()));
  }
  uint32_t SymbolOf(std::string_view name) const;

  // Counts nested calls and expressions while it lives.
  class Level {
   public:
    explicit Level(int& depth) : depth_(depth) { ++depth_; }
    ~Level() { --depth_; }
    Level(const Level&) = delete;

   private:
    int& depth_;
  };
  Status CheckDepth(uint32_t at) const;

  const Ast& ast_;
  std::string_view name_;
  Machine& machine_;
  Heap& heap_;
  int depth_ = 0;
  uint32_t loop_, caller_, varargs_, kwargs_;  // symbols, or kNoSymbol
};

}  // namespace bantam::jinja
