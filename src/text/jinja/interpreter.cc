#include "text/jinja/interpreter.h"

#include "base/text_util.h"
#include "text/jinja/operations.h"

namespace bantam::jinja {

namespace {
constexpr uint32_t kNoSymbol = ~uint32_t{0};
}  // namespace

Interpreter::Interpreter(const Ast& ast, std::string_view name, Machine& machine)
    : ast_(ast),
      name_(name),
      machine_(machine),
      heap_(machine.heap),
      loop_(SymbolOf("loop")),
      caller_(SymbolOf("caller")),
      varargs_(SymbolOf("varargs")),
      kwargs_(SymbolOf("kwargs")) {}

uint32_t Interpreter::SymbolOf(std::string_view name) const {
  for (size_t i = 0; i < ast_.symbols.size(); ++i) {
    if (ast_.symbols[i] == name) return static_cast<uint32_t>(i);
  }
  return kNoSymbol;
}

Error Interpreter::Place(uint32_t at, Error error) const {
  Error placed = ErrorAt(error.code, name_, ast_.source, at, error.message);
  placed.where = error.where;
  return placed;
}

Status Interpreter::CheckDepth(uint32_t at) const {
  if (depth_ <= heap_.limits().max_depth) return Ok();
  return Place(at, Err(ErrorCode::kTooLarge,
                       "macros and expressions are nested deeper than {} levels, the limit; does a macro call itself?",
                       heap_.limits().max_depth));
}

Status Interpreter::Run(Scope* globals, MarkedText& out) {
  BANTAM_TRY(Scope* const scope, heap_.NewScope(globals));
  BANTAM_RETURN_IF_ERROR(Execute(ast_.body, scope, out));
  return Ok();
}

Status Interpreter::CheckOutput(uint32_t at, const MarkedText& out) const {
  if (out.size() <= heap_.limits().max_output_bytes) return Ok();
  return Place(at, Err(ErrorCode::kTooLarge, "the template writes more than {}, the limit; shorten the conversation",
                       HumanBytes(heap_.limits().max_output_bytes)));
}

Status Interpreter::Append(uint32_t at, const Value& value, MarkedText& out) {
  BANTAM_RETURN_IF_ERROR(At(at, AppendPrinted(heap_, value, out)));
  return CheckOutput(at, out);
}

Result<Interpreter::Flow> Interpreter::Execute(const Body& body, Scope* scope, MarkedText& out) {
  for (const Node* node : body) {
    BANTAM_TRY(const Flow flow, Execute(*node, scope, out));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::Execute(const Node& node, Scope* scope, MarkedText& out) {
  const Level level(depth_);
  BANTAM_RETURN_IF_ERROR(CheckDepth(node.at));
  BANTAM_RETURN_IF_ERROR(At(node.at, heap_.Step()));
  switch (node.kind) {
    case Node::Kind::kText:
      BANTAM_RETURN_IF_ERROR(At(node.at, heap_.StepForBytes(node.text.size())));
      out.Append(node.text);
      BANTAM_RETURN_IF_ERROR(CheckOutput(node.at, out));
      return Flow::kNext;
    case Node::Kind::kPrint: {
      BANTAM_TRY(const Value value, Evaluate(*node.value, scope));
      BANTAM_RETURN_IF_ERROR(Append(node.at, value, out));
      return Flow::kNext;
    }
    case Node::Kind::kIf:
      return ExecuteIf(node, scope, out);
    case Node::Kind::kFor: {
      BANTAM_TRY(const Value iterable, Evaluate(*node.value, scope));
      return ExecuteFor(node, iterable, 0, scope, out);
    }
    case Node::Kind::kSet: {
      BANTAM_TRY(Value value, Evaluate(*node.value, scope));
      BANTAM_RETURN_IF_ERROR(Assign(node.target, std::move(value), scope));
      return Flow::kNext;
    }
    case Node::Kind::kSetBlock:
      BANTAM_RETURN_IF_ERROR(ExecuteSetBlock(node, scope));
      return Flow::kNext;
    case Node::Kind::kMacro: {
      BANTAM_TRY(const Macro* const macro, At(node.at, heap_.NewMacro(node.macro, scope)));
      scope->Set(node.target.symbol, Value(macro));
      return Flow::kNext;
    }
    case Node::Kind::kCall:
      BANTAM_RETURN_IF_ERROR(ExecuteCallBlock(node, scope, out));
      return Flow::kNext;
    case Node::Kind::kFilter: {
      BANTAM_TRY(MarkedText text, Captured(node.body, scope));
      BANTAM_TRY(Value value, At(node.at, heap_.Text(std::move(text))));
      BANTAM_TRY(value, ApplyFilters(node.filters, std::move(value), scope));
      BANTAM_RETURN_IF_ERROR(Append(node.at, value, out));
      return Flow::kNext;
    }
    case Node::Kind::kWith:
      return ExecuteWith(node, scope, out);
    case Node::Kind::kScoped: {
      BANTAM_TRY(Scope* const inner, At(node.at, heap_.NewScope(scope)));
      BANTAM_TRY(const Flow flow, Execute(node.body, inner, out));
      heap_.Leave(inner);
      return flow;
    }
    case Node::Kind::kBreak:
      return Flow::kBreak;
    case Node::Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::ExecuteIf(const Node& node, Scope* scope, MarkedText& out) {
  for (const Node::Branch& branch : node.branches) {
    if (branch.condition != nullptr) {
      BANTAM_TRY(const Value condition, Evaluate(*branch.condition, scope));
      if (!IsTrue(condition)) continue;
    }
    return Execute(branch.body, scope, out);
  }
  return Flow::kNext;
}

Result<std::vector<Value>> Interpreter::Filtered(const Node& node, std::vector<Value> items, Scope* outer) {
  if (node.condition == nullptr) return items;
  std::vector<Value> kept;
  BANTAM_TRY(Scope* const scope, At(node.at, heap_.NewScope(outer)));
  for (Value& item : items) {
    BANTAM_RETURN_IF_ERROR(At(node.at, heap_.Step()));
    BANTAM_RETURN_IF_ERROR(Assign(node.target, item, scope));
    BANTAM_TRY(const Value condition, Evaluate(*node.condition, scope));
    if (IsTrue(condition)) kept.push_back(std::move(item));
  }
  heap_.Leave(scope);
  return kept;
}

Result<Interpreter::Flow> Interpreter::ExecuteFor(const Node& node, const Value& iterable, size_t depth, Scope* outer,
                                                  MarkedText& out) {
  BANTAM_TRY(std::vector<Value> all, At(node.value->at, Items(heap_, iterable)));
  BANTAM_TRY(const std::vector<Value> items, Filtered(node, std::move(all), outer));
  if (items.empty()) return Execute(node.otherwise, outer, out);
  BANTAM_TRY(Loop* const loop, At(node.at, heap_.NewLoop()));
  BANTAM_TRY(Scope* const scope, At(node.at, heap_.NewScope(outer)));
  loop->items = &items;
  loop->depth = depth;
  loop->recursive = node.recursive ? &node : nullptr;
  loop->scope = outer;
  Status status = Ok();
  for (; loop->index < items.size(); ++loop->index) {
    status = At(node.at, heap_.Step());
    if (!status) break;
    scope->variables.clear();  // what an iteration sets ends with it
    if (loop_ != kNoSymbol) scope->Set(loop_, Value(loop));
    status = Assign(node.target, items[loop->index], scope);
    if (!status) break;
    const Result<Flow> flow = Execute(node.body, scope, out);
    if (!flow) status = flow.error();
    if (!flow || *flow == Flow::kBreak) break;
  }
  loop->items = nullptr;  // a template may have kept it
  heap_.Leave(scope);
  BANTAM_RETURN_IF_ERROR(status);
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::ExecuteWith(const Node& node, Scope* scope, MarkedText& out) {
  BANTAM_TRY(Scope* const inner, At(node.at, heap_.NewScope(scope)));
  for (const auto& [target, expr] : node.assignments) {
    BANTAM_TRY(Value value, Evaluate(*expr, scope));
    BANTAM_RETURN_IF_ERROR(Assign(target, std::move(value), inner));
  }
  BANTAM_TRY(const Flow flow, Execute(node.body, inner, out));
  heap_.Leave(inner);
  return flow;
}

Result<MarkedText> Interpreter::Captured(const Body& body, Scope* scope) {
  BANTAM_TRY(Scope* const inner, heap_.NewScope(scope));
  MarkedText out;
  BANTAM_RETURN_IF_ERROR(Execute(body, inner, out));
  heap_.Leave(inner);
  return out;
}

Status Interpreter::ExecuteSetBlock(const Node& node, Scope* scope) {
  BANTAM_TRY(MarkedText text, Captured(node.body, scope));
  BANTAM_TRY(Value value, At(node.at, heap_.Text(std::move(text))));
  BANTAM_TRY(value, ApplyFilters(node.filters, std::move(value), scope));
  return Assign(node.target, std::move(value), scope);
}

Status Interpreter::ExecuteCallBlock(const Node& node, Scope* scope, MarkedText& out) {
  const std::vector<Suffix>& suffixes = node.value->suffixes;
  const Suffix& call = suffixes.back();
  BANTAM_TRY(const Value callee, EvaluateSuffixed(*node.value, suffixes.size() - 1, scope));
  BANTAM_TRY(Given given, EvaluateArguments(call.at, call.arguments, scope));
  BANTAM_TRY(const Macro* const caller, At(node.at, heap_.NewMacro(node.macro, scope)));
  given.named.push_back({"caller", Value(caller)});
  BANTAM_TRY(const Value value, CallValue(call.at, callee, std::move(given)));
  return Append(node.at, value, out);
}

Status Interpreter::Assign(const Target& target, Value value, Scope* scope) {
  if (!target.parts.empty()) {
    BANTAM_TRY(const std::vector<Value> items, At(target.at, Items(heap_, value)));
    if (items.size() != target.parts.size()) {
      return Place(target.at, Err(ErrorCode::kInvalidArgument, "{} values cannot be assigned to {} names", items.size(),
                                  target.parts.size()));
    }
    for (size_t i = 0; i < items.size(); ++i) {
      BANTAM_RETURN_IF_ERROR(Assign(target.parts[i], items[i], scope));
    }
    return Ok();
  }
  if (target.attribute.empty()) {
    scope->Set(target.symbol, std::move(value));
    return Ok();
  }
  const Value* found = scope->Find(target.symbol);
  Namespace* const* names = found != nullptr ? If<Namespace*>(*found) : nullptr;
  if (names == nullptr) {
    return Place(target.at, Err(ErrorCode::kInvalidArgument, "cannot set an attribute of \"{}\": it is no namespace",
                                target.name));
  }
  BANTAM_TRY(const Value key, At(target.at, heap_.Text(target.attribute)));
  return At(target.at, heap_.Set((*names)->attributes, key, std::move(value)));
}

}  // namespace bantam::jinja
