// The expressions of an Interpreter.
#include "base/text_util.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/operations.h"

namespace bantam::jinja {

Result<Value> Interpreter::Evaluate(const Expr& expr, Scope* scope) {
  BANTAM_RETURN_IF_ERROR(At(expr.at, heap_.Step()));
  if (expr.kind == Expr::Kind::kLiteral) return expr.literal;
  if (expr.kind == Expr::Kind::kName) {
    const Value* found = scope->Find(expr.symbol);
    return found != nullptr ? *found : Value(Undefined{expr.name});
  }
  const Level level(depth_);
  BANTAM_RETURN_IF_ERROR(CheckDepth(expr.at));
  return EvaluateInner(expr, scope);
}

Result<Value> Interpreter::EvaluateInner(const Expr& expr, Scope* scope) {
  switch (expr.kind) {
    case Expr::Kind::kList:
    case Expr::Kind::kTuple: {
      std::vector<Value> items;
      for (const Expr* operand : expr.operands) {
        BANTAM_TRY(Value item, Evaluate(*operand, scope));
        items.push_back(std::move(item));
      }
      const ListKind kind = expr.kind == Expr::Kind::kList ? ListKind::kList : ListKind::kTuple;
      BANTAM_TRY(List* const list, At(expr.at, heap_.NewList(kind, std::move(items))));
      return Value(list);
    }
    case Expr::Kind::kDict:
      return EvaluateDict(expr, scope);
    case Expr::Kind::kSuffixed:
      return EvaluateSuffixed(expr, expr.suffixes.size(), scope);
    case Expr::Kind::kNot: {
      BANTAM_TRY(const Value value, Evaluate(*expr.operands[0], scope));
      return Value(!IsTrue(value));
    }
    case Expr::Kind::kNegative: {
      BANTAM_TRY(const Value value, Evaluate(*expr.operands[0], scope));
      return At(expr.at, jinja::Negative(value));
    }
    case Expr::Kind::kPositive: {
      BANTAM_TRY(const Value value, Evaluate(*expr.operands[0], scope));
      return At(expr.at, Arithmetic(heap_, Operator::kAdd, Value(Int{0}), value));
    }
    case Expr::Kind::kArithmetic: {
      BANTAM_TRY(Value value, Evaluate(*expr.operands[0], scope));
      for (size_t i = 1; i < expr.operands.size(); ++i) {
        BANTAM_TRY(const Value next, Evaluate(*expr.operands[i], scope));
        BANTAM_TRY(value, At(expr.operands[i]->at, Arithmetic(heap_, expr.operators[i - 1], value, next)));
      }
      return value;
    }
    case Expr::Kind::kConcat: {
      MarkedText text;
      for (const Expr* operand : expr.operands) {
        BANTAM_TRY(const Value value, Evaluate(*operand, scope));
        BANTAM_RETURN_IF_ERROR(At(operand->at, AppendPrinted(heap_, value, text)));
        BANTAM_RETURN_IF_ERROR(At(operand->at, heap_.Room(text.size())));
      }
      return At(expr.at, heap_.Text(std::move(text)));
    }
    case Expr::Kind::kCompare:
      return EvaluateCompare(expr, scope);
    case Expr::Kind::kAnd:
    case Expr::Kind::kOr: {
      const bool stops_at = expr.kind == Expr::Kind::kOr;
      Value value;
      for (const Expr* operand : expr.operands) {
        BANTAM_TRY(value, Evaluate(*operand, scope));
        if (IsTrue(value) == stops_at) break;
      }
      return value;
    }
    case Expr::Kind::kConditional: {
      BANTAM_TRY(const Value condition, Evaluate(*expr.operands[1], scope));
      if (IsTrue(condition)) return Evaluate(*expr.operands[0], scope);
      if (expr.operands[2] == nullptr) return Value(Undefined{"the value of an if without else"});
      return Evaluate(*expr.operands[2], scope);
    }
    default:
      return Value(Undefined{});
  }
}

Result<Value> Interpreter::EvaluateCompare(const Expr& expr, Scope* scope) {
  BANTAM_TRY(Value left, Evaluate(*expr.operands[0], scope));
  for (size_t i = 1; i < expr.operands.size(); ++i) {
    BANTAM_TRY(Value right, Evaluate(*expr.operands[i], scope));
    BANTAM_TRY(const bool holds, At(expr.operands[i]->at, Compare(heap_, expr.operators[i - 1], left, right)));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Interpreter::EvaluateDict(const Expr& expr, Scope* scope) {
  BANTAM_TRY(Dict* const dict, At(expr.at, heap_.NewDict()));
  for (size_t i = 0; i + 1 < expr.operands.size(); i += 2) {
    BANTAM_TRY(const Value key, Evaluate(*expr.operands[i], scope));
    BANTAM_TRY(Value value, Evaluate(*expr.operands[i + 1], scope));
    BANTAM_RETURN_IF_ERROR(At(expr.operands[i]->at, heap_.Set(*dict, key, std::move(value))));
  }
  return Value(dict);
}

Result<Value> Interpreter::EvaluateSuffixed(const Expr& expr, size_t count, Scope* scope) {
  BANTAM_TRY(Value value, Evaluate(*expr.operands[0], scope));
  for (size_t i = 0; i < count; ++i) {
    const Suffix& suffix = expr.suffixes[i];
    BANTAM_RETURN_IF_ERROR(At(suffix.at, heap_.Step()));
    const bool is_method_call = suffix.kind == Suffix::Kind::kAttribute && i + 1 < count &&
                                expr.suffixes[i + 1].kind == Suffix::Kind::kCall && !Is<Namespace*>(value);
    if (!is_method_call) {
      BANTAM_TRY(value, ApplySuffix(suffix, std::move(value), scope));
      continue;
    }
    // A method is called where it is found: nothing is made that binds it to its object.
    const Suffix& call = expr.suffixes[++i];
    if (const Callable* method = FindMethod(value, suffix.name)) {
      BANTAM_TRY(const Given given, EvaluateArguments(call.at, call.arguments, scope));
      BANTAM_TRY(value, At(suffix.at, Invoke(machine_, *method, value, given.positional, given.named)));
      continue;
    }
    BANTAM_TRY(const Value callee, At(suffix.at, Attribute(heap_, value, suffix.name)));
    if (Is<Undefined>(callee)) {
      return Place(suffix.at, Err(ErrorCode::kUnsupported, "a value of type {} has no method \"{}\" here",
                                  TypeName(value), suffix.name));
    }
    BANTAM_TRY(Given given, EvaluateArguments(call.at, call.arguments, scope));
    BANTAM_TRY(value, CallValue(call.at, callee, std::move(given)));
  }
  return value;
}

Result<Value> Interpreter::ApplySuffix(const Suffix& suffix, Value value, Scope* scope) {
  switch (suffix.kind) {
    case Suffix::Kind::kAttribute:
      return At(suffix.at, Attribute(heap_, value, suffix.name));
    case Suffix::Kind::kItem: {
      BANTAM_TRY(const Value key, Evaluate(*suffix.index, scope));
      // Named by its spelling in the template, which lives longer than a computed key.
      const MarkedText* literal = suffix.index->kind == Expr::Kind::kLiteral ? IfText(suffix.index->literal) : nullptr;
      return At(suffix.at, Item(heap_, value, key, literal != nullptr ? literal->view() : ""));
    }
    case Suffix::Kind::kSlice:
      return EvaluateSlice(suffix, value, scope);
    case Suffix::Kind::kCall: {
      BANTAM_TRY(Given given, EvaluateArguments(suffix.at, suffix.arguments, scope));
      return CallValue(suffix.at, value, std::move(given));
    }
    case Suffix::Kind::kFilter:
    case Suffix::Kind::kTest: {
      const bool is_test = suffix.kind == Suffix::Kind::kTest;
      if (suffix.callable == nullptr) {
        return Place(suffix.at,
                     Err(ErrorCode::kUnsupported, "there is no {} \"{}\"", is_test ? "test" : "filter", suffix.name));
      }
      BANTAM_TRY(const Given given, EvaluateArguments(suffix.at, suffix.arguments, scope));
      BANTAM_TRY(Value made, At(suffix.at, Invoke(machine_, *suffix.callable, value, given.positional, given.named)));
      if (is_test) return Value(IsTrue(made) != suffix.negated);
      return made;
    }
  }
  return value;
}

Result<Value> Interpreter::ApplyFilters(const std::vector<Suffix>& filters, Value value, Scope* scope) {
  for (const Suffix& filter : filters) {
    BANTAM_TRY(value, ApplySuffix(filter, std::move(value), scope));
  }
  return value;
}

Result<Value> Interpreter::EvaluateSlice(const Suffix& suffix, const Value& value, Scope* scope) {
  Value bounds[3] = {None{}, None{}, None{}};
  for (size_t i = 0; i < 3; ++i) {
    if (suffix.bounds[i] == nullptr) continue;
    BANTAM_TRY(bounds[i], Evaluate(*suffix.bounds[i], scope));
  }
  return At(suffix.at, Slice(heap_, value, bounds[0], bounds[1], bounds[2]));
}

Result<Interpreter::Given> Interpreter::EvaluateArguments(uint32_t at, const CallArguments& arguments, Scope* scope) {
  Given given;
  for (const Expr* each : arguments.positional) {
    BANTAM_TRY(Value value, Evaluate(*each, scope));
    given.positional.push_back(std::move(value));
  }
  if (arguments.star != nullptr) {
    BANTAM_TRY(const Value list, Evaluate(*arguments.star, scope));
    BANTAM_TRY(const std::vector<Value> items, At(arguments.star->at, Items(heap_, list)));
    given.positional.insert(given.positional.end(), items.begin(), items.end());
  }
  for (const auto& each : arguments.named) {
    BANTAM_TRY(Value value, Evaluate(*each.value, scope));
    given.named.push_back({each.name, std::move(value)});
  }
  if (arguments.double_star != nullptr) {
    BANTAM_TRY(const Value value, Evaluate(*arguments.double_star, scope));
    const auto* dict = If<Dict*>(value);
    if (dict == nullptr) {
      return Place(at, Err(ErrorCode::kInvalidArgument, "** needs a dict, not {}", TypeName(value)));
    }
    if ((*dict)->size() > 1000) {
      return Place(at, Err(ErrorCode::kTooLarge, "** with a dict of more than 1000 keys, the limit"));
    }
    for (const Dict::Entry& entry : (*dict)->entries()) {
      const TextRef* key = If<TextRef>(entry.key);
      if (key == nullptr) return Place(at, Err(ErrorCode::kInvalidArgument, "the keys of ** must be strings"));
      given.named.push_back({(*key)->view(), entry.value, *key});
    }
  }
  return given;
}

Result<Value> Interpreter::CallValue(uint32_t at, const Value& callee, Given given) {
  if (const auto* macro = If<const Macro*>(callee)) return CallMacro(at, **macro, std::move(given));
  if (const auto* method = If<BoundMethod*>(callee)) {
    return At(at, Invoke(machine_, *(*method)->method, (*method)->self, given.positional, given.named));
  }
  if (const auto* function = If<const Callable*>(callee)) {
    return At(at, Invoke(machine_, **function, Value(Undefined{}), given.positional, given.named));
  }
  if (const auto* loop = If<Loop*>(callee)) return CallLoop(at, **loop, given);
  if (const auto* undefined = If<Undefined>(callee)) return Place(at, UndefinedError(*undefined));
  return Place(at, Err(ErrorCode::kInvalidArgument, "a value of type {} cannot be called", TypeName(callee)));
}

Result<Value> Interpreter::CallMacro(uint32_t at, const Macro& macro, Given given) {
  const MacroNode& node = *macro.node;
  const auto wrong = [&](std::string what) {
    return Place(at, Err(ErrorCode::kInvalidArgument, "macro {}: {}", node.name, what));
  };
  BANTAM_TRY(Scope* const scope, At(at, heap_.NewScope(macro.scope)));
  Value caller = Undefined{"caller"};
  BANTAM_TRY(Dict* const rest, node.uses_kwargs ? At(at, heap_.NewDict()) : Result<Dict*>(nullptr));
  std::vector<bool> is_given(node.parameters.size());
  for (size_t i = 0; i < std::min(given.positional.size(), node.parameters.size()); ++i) {
    scope->Set(node.parameters[i].symbol, given.positional[i]);
    is_given[i] = true;
  }
  for (const NamedValue& each : given.named) {
    size_t i = 0;
    while (i < node.parameters.size() && node.parameters[i].name != each.name) ++i;
    if (i < node.parameters.size()) {
      if (is_given[i]) return wrong(fmt::format("the parameter \"{}\" is given twice", each.name));
      scope->Set(node.parameters[i].symbol, each.value);
      is_given[i] = true;
    } else if (each.name == "caller" && node.uses_caller) {
      caller = each.value;
    } else if (rest != nullptr) {
      BANTAM_TRY(const Value key, At(at, each.Key(heap_)));
      BANTAM_RETURN_IF_ERROR(At(at, heap_.Set(*rest, key, each.value)));
    } else {
      return wrong(fmt::format("has no parameter \"{}\"", EscapeForTerminal(each.name)));
    }
  }
  if (given.positional.size() > node.parameters.size() && !node.uses_varargs) {
    return wrong(fmt::format("takes at most {} arguments, got {}", node.parameters.size(), given.positional.size()));
  }
  // Defaults are computed with each call and see the parameters before them.
  for (size_t i = 0; i < node.parameters.size(); ++i) {
    if (is_given[i]) continue;
    const MacroNode::Parameter& parameter = node.parameters[i];
    Value value = Undefined{parameter.name};
    if (parameter.other != nullptr) {
      BANTAM_TRY(value, Evaluate(*parameter.other, scope));
    }
    scope->Set(parameter.symbol, std::move(value));
  }
  if (node.uses_caller) scope->Set(caller_, std::move(caller));
  if (rest != nullptr) scope->Set(kwargs_, Value(rest));
  if (node.uses_varargs) {
    const size_t first = std::min(node.parameters.size(), given.positional.size());
    std::vector<Value> more(given.positional.begin() + static_cast<ptrdiff_t>(first), given.positional.end());
    BANTAM_TRY(List* const list, At(at, heap_.NewList(ListKind::kTuple, std::move(more))));
    scope->Set(varargs_, Value(list));
  }
  MarkedText out;
  BANTAM_RETURN_IF_ERROR(Execute(node.body, scope, out));
  heap_.Leave(scope);
  return At(at, heap_.Text(std::move(out)));
}

Result<Value> Interpreter::CallLoop(uint32_t at, const Loop& loop, const Given& given) {
  if (loop.recursive == nullptr) {
    return Place(at, Err(ErrorCode::kInvalidArgument, "this loop cannot be called; write \"recursive\" in its for"));
  }
  if (given.positional.size() != 1 || !given.named.empty()) {
    return Place(at, Err(ErrorCode::kInvalidArgument, "a loop is called with what it is to go through"));
  }
  MarkedText out;
  BANTAM_RETURN_IF_ERROR(
      ExecuteFor(*static_cast<const Node*>(loop.recursive), given.positional[0], loop.depth + 1, loop.scope, out));
  return At(at, heap_.Text(std::move(out)));
}

}  // namespace bantam::jinja
