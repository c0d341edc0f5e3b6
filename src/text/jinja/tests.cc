// Tests: x is NAME.
#include "text/jinja/callables.h"
#include "text/jinja/operations.h"

namespace bantam::jinja {
namespace {

template <typename... Types>
Result<Value> IsOneOf(Call& call) {
  return Value((Is<Types>(call.self) || ...));
}

template <bool kWanted>
Result<Value> IsBool(Call& call) {
  const bool* b = If<bool>(call.self);
  return Value(b != nullptr && *b == kWanted);
}

template <Operator kOperator>
Result<Value> Compared(Call& call) {
  BANTAM_TRY(const bool holds, Compare(call.heap, kOperator, call.self, *call.Given(0)));
  return Value(holds);
}

// Of an integer by two, or by the argument.
Result<Value> Remainder(Call& call, const Value& by) {
  if (!IsNumber(call.self)) {
    if (const auto* undefined = If<Undefined>(call.self)) return UndefinedError(*undefined);
    return Err(ErrorCode::kInvalidArgument, "needs a number, not {}", TypeName(call.self));
  }
  return Arithmetic(call.heap, Operator::kModulo, call.self, by);
}
Result<Value> IsDivisible(Call& call) {
  BANTAM_TRY(const Value rest, Remainder(call, *call.Given(0)));
  return Value(!IsTrue(rest));
}
template <bool kOdd>
Result<Value> IsOdd(Call& call) {
  BANTAM_TRY(const Value rest, Remainder(call, Value(Int{2})));
  return Value(kOdd ? ToDouble(rest) == 1 : !IsTrue(rest));
}

Result<Value> IsDefined(Call& call) { return Value(!Is<Undefined>(call.self)); }
Result<Value> IsUndefined(Call& call) { return Value(Is<Undefined>(call.self)); }
Result<Value> IsCallable(Call& call) {
  const auto* loop = If<Loop*>(call.self);
  return Value(Is<const Macro*>(call.self) || Is<BoundMethod*>(call.self) || Is<const Callable*>(call.self) ||
               loop != nullptr);
}
Result<Value> IsSequenceLike(Call& call) {
  const auto* list = If<List*>(call.self);
  const bool indexed = list != nullptr && ((*list)->kind == ListKind::kList || (*list)->kind == ListKind::kTuple ||
                                           (*list)->kind == ListKind::kRange);
  return Value(indexed || IfText(call.self) != nullptr || Is<Dict*>(call.self) || Is<Undefined>(call.self));
}
Result<Value> IsIterable(Call& call) {
  return Value(Is<List*>(call.self) || IfText(call.self) != nullptr || Is<Dict*>(call.self) ||
               Is<Undefined>(call.self) || Is<Loop*>(call.self));
}
Result<Value> IsEscaped(Call& call) {
  const MarkedText* text = IfText(call.self);
  return Value(text != nullptr && text->is_markup);
}
template <bool (*kHolds)(std::string_view)>
Result<Value> TextHolds(Call& call) {
  BANTAM_TRY(const TextRef text, SelfText(call));
  return Value(kHolds(text->view()));
}

Result<Value> IsSameAs(Call& call) {
  const Value &a = call.self, &b = *call.Given(0);
  if (a.index() != b.index()) return Value(false);
  if (Is<double>(a)) return Value(false);
  if (const auto* list = If<List*>(a)) return Value(*list == std::get<List*>(b));
  if (const auto* dict = If<Dict*>(a)) return Value(*dict == std::get<Dict*>(b));
  // Python shares small integers and short texts, so that equal ones are mostly the same.
  BANTAM_TRY(const bool same, AreEqual(call.heap, a, b));
  return Value(same);
}

template <const Callable* (*kFind)(std::string_view)>
Result<Value> IsNameOf(Call& call) {
  const MarkedText* text = IfText(call.self);
  return Value(text != nullptr && kFind(text->view()) != nullptr);
}

}  // namespace

std::span<const Callable> Tests() {
  static constexpr Callable kTable[] = {
      {"!=", Compared<Operator::kNotEqual>, {"other"}, 1},
      {"<", Compared<Operator::kLess>, {"other"}, 1},
      {"<=", Compared<Operator::kLessEqual>, {"other"}, 1},
      {"==", Compared<Operator::kEqual>, {"other"}, 1},
      {">", Compared<Operator::kGreater>, {"other"}, 1},
      {">=", Compared<Operator::kGreaterEqual>, {"other"}, 1},
      {"boolean", IsOneOf<bool>},
      {"callable", IsCallable},
      {"defined", IsDefined},
      {"divisibleby", IsDivisible, {"num"}, 1},
      {"eq", Compared<Operator::kEqual>, {"other"}, 1},
      {"equalto", Compared<Operator::kEqual>, {"other"}, 1},
      {"escaped", IsEscaped},
      {"even", IsOdd<false>},
      {"false", IsBool<false>},
      {"filter", IsNameOf<FindFilter>},
      {"float", IsOneOf<double>},
      {"ge", Compared<Operator::kGreaterEqual>, {"other"}, 1},
      {"greaterthan", Compared<Operator::kGreater>, {"other"}, 1},
      {"gt", Compared<Operator::kGreater>, {"other"}, 1},
      {"in", Compared<Operator::kIn>, {"seq"}, 1},
      {"integer", IsOneOf<Int>},
      {"iterable", IsIterable},
      {"le", Compared<Operator::kLessEqual>, {"other"}, 1},
      {"lessthan", Compared<Operator::kLess>, {"other"}, 1},
      {"lower", TextHolds<IsLower>},
      {"lt", Compared<Operator::kLess>, {"other"}, 1},
      {"mapping", IsOneOf<Dict*>},
      {"ne", Compared<Operator::kNotEqual>, {"other"}, 1},
      {"none", IsOneOf<None>},
      {"number", IsOneOf<bool, Int, double>},
      {"odd", IsOdd<true>},
      {"sameas", IsSameAs, {"other"}, 1},
      {"sequence", IsSequenceLike},
      {"string", IsOneOf<TextRef>},
      {"test", IsNameOf<FindTest>},
      {"true", IsBool<true>},
      {"undefined", IsUndefined},
      {"upper", TextHolds<IsUpper>},
  };
  return kTable;
}

}  // namespace bantam::jinja
