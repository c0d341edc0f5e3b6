// Arithmetic and comparisons.
#include "text/jinja/operations.h"

#include <cmath>
#include <cstring>

namespace bantam::jinja {
namespace {

constexpr std::string_view kSigns[] = {
    "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};

Error WrongTypes(Operator op, const Value& a, const Value& b) {
  if (const auto* undefined = If<Undefined>(a)) return UndefinedError(*undefined);
  if (const auto* undefined = If<Undefined>(b)) return UndefinedError(*undefined);
  return Err(ErrorCode::kInvalidArgument, "\"{}\" cannot be used between a value of type {} and one of type {}",
             kSigns[static_cast<size_t>(op)], TypeName(a), TypeName(b));
}

Error Overflow() { return Err(ErrorCode::kTooLarge, "an integer became larger than 127 bits, the limit"); }
Error ByZero() { return Err(ErrorCode::kInvalidArgument, "division by zero"); }

Result<Value> Integers(Operator op, Int a, Int b) {
  Int out = 0;
  switch (op) {
    case Operator::kAdd:
      if (__builtin_add_overflow(a, b, &out)) return Overflow();
      return Value(out);
    case Operator::kSubtract:
      if (__builtin_sub_overflow(a, b, &out)) return Overflow();
      return Value(out);
    case Operator::kMultiply:
      if (__builtin_mul_overflow(a, b, &out)) return Overflow();
      return Value(out);
    case Operator::kDivide:
      if (b == 0) return ByZero();
      return Value(static_cast<double>(a) / static_cast<double>(b));
    case Operator::kFloorDivide:
    case Operator::kModulo: {
      if (b == 0) return ByZero();
      if (b == -1) return op == Operator::kModulo ? Result<Value>(Value(Int{0})) : Integers(Operator::kSubtract, 0, a);
      const Int rest = a % b;
      const bool between = rest != 0 && (rest < 0) != (b < 0);  // Python rounds down, C++ towards zero
      if (op == Operator::kModulo) return Value(between ? rest + b : rest);
      return Value(a / b - (between ? 1 : 0));
    }
    default: {
      if (b < 0) {
        if (a == 0) return ByZero();
        return Value(std::pow(static_cast<double>(a), static_cast<double>(b)));
      }
      Int power = 1;
      for (Int base = a, rest = b; rest > 0; rest /= 2) {
        if (rest % 2 != 0 && __builtin_mul_overflow(power, base, &power)) return Overflow();
        if (rest > 1 && __builtin_mul_overflow(base, base, &base)) return Overflow();
      }
      return Value(power);
    }
  }
}

Result<Value> Floats(Operator op, double a, double b) {
  switch (op) {
    case Operator::kAdd:
      return Value(a + b);
    case Operator::kSubtract:
      return Value(a - b);
    case Operator::kMultiply:
      return Value(a * b);
    case Operator::kDivide:
      if (b == 0) return ByZero();
      return Value(a / b);
    case Operator::kFloorDivide:
    case Operator::kModulo: {
      if (b == 0) return ByZero();
      // Step by step as Python does it, so that the last digits are the same.
      double rest = std::fmod(a, b);
      double quotient = (a - rest) / b;
      if (rest != 0 && (rest < 0) != (b < 0)) {
        rest += b;
        quotient -= 1;
      }
      if (op == Operator::kModulo) return Value(rest == 0 ? std::copysign(0.0, b) : rest);
      if (quotient == 0) return Value(std::copysign(0.0, a / b));
      const double floor = std::floor(quotient);
      return Value(quotient - floor > 0.5 ? floor + 1 : floor);
    }
    default:
      return Value(std::pow(a, b));
  }
}

// texts and lists times a number.
Result<Value> Repeat(Heap& heap, const Value& value, Int times_wanted) {
  const auto times = static_cast<uint64_t>(std::max<int64_t>(ClampToInt64(times_wanted), 0));
  const auto* list = If<List*>(value);
  const MarkedText* text = IfText(value);
  const uint64_t one = list != nullptr ? (*list)->items.size() * sizeof(Value) : text->size();
  if (one != 0 && times > heap.limits().max_memory_bytes / one) {
    return Err(ErrorCode::kTooLarge, "a {} that is repeated {} times is larger than the limit of memory",
               TypeName(value), FormatInt(times_wanted));
  }
  BANTAM_RETURN_IF_ERROR(heap.Room(one * times));
  BANTAM_RETURN_IF_ERROR(heap.StepForBytes(one * times));
  if (list == nullptr) {
    const size_t size = one * times;
    MarkedText out;
    if (size > 0) out.Append(*text);
    while (out.size() < size) {  // doubled: a short text is not appended a million times
      const MarkedText before = out;
      out.Append(before, 0, std::min(before.size(), size - before.size()));
    }
    return heap.Text(std::move(out));
  }
  std::vector<Value> items;
  for (uint64_t i = 0; one != 0 && i < times; ++i) {
    items.insert(items.end(), (*list)->items.begin(), (*list)->items.end());
  }
  BANTAM_TRY(List* const repeated, heap.NewList((*list)->kind, std::move(items)));
  return Value(repeated);
}

bool IsSequence(const Value& value) {
  const auto* list = If<List*>(value);
  return list != nullptr && ((*list)->kind == ListKind::kList || (*list)->kind == ListKind::kTuple);
}

Result<Value> AddTexts(Heap& heap, const MarkedText& a, const MarkedText& b) {
  BANTAM_RETURN_IF_ERROR(heap.Room(a.size() + b.size()));
  MarkedText out;
  out.is_markup = a.is_markup || b.is_markup;
  out.is_markup && !a.is_markup ? AppendHtmlEscaped(a, out) : out.Append(a);
  out.is_markup && !b.is_markup ? AppendHtmlEscaped(b, out) : out.Append(b);
  return heap.Text(std::move(out));
}

// Of objects that are equal only to themselves.
struct Same {
  const Value& b;
  bool operator()(Namespace* x) const { return x == std::get<Namespace*>(b); }
  bool operator()(const Macro* x) const { return x == std::get<const Macro*>(b); }
  bool operator()(const Callable* x) const { return x == std::get<const Callable*>(b); }
  bool operator()(Loop* x) const { return x == std::get<Loop*>(b); }
  bool operator()(const BoundMethod* x) const { return x == std::get<BoundMethod*>(b); }
  template <typename T>
  bool operator()(const T&) const {
    return false;
  }
};

Error TooDeep() {
  return Err(ErrorCode::kTooLarge, "a list or dict is nested deeper than {} levels, the limit", kMaxValueDepth);
}

}  // namespace

Error UndefinedError(const Undefined& value) {
  if (value.name.empty()) return Err(ErrorCode::kInvalidArgument, "a value is used that is undefined");
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is undefined", value.name);
}

Result<Value> Arithmetic(Heap& heap, Operator op, const Value& a, const Value& b) {
  const MarkedText *text_a = IfText(a), *text_b = IfText(b);
  if (IsNumber(a) && IsNumber(b)) {
    if (Is<double>(a) || Is<double>(b)) return Floats(op, ToDouble(a), ToDouble(b));
    return Integers(op, ToInt(a), ToInt(b));
  }
  if (op == Operator::kAdd && text_a != nullptr && text_b != nullptr) return AddTexts(heap, *text_a, *text_b);
  if (op == Operator::kAdd && IsSequence(a) && IsSequence(b)) {
    const List &left = *std::get<List*>(a), &right = *std::get<List*>(b);
    if (left.kind != right.kind) return WrongTypes(op, a, b);
    std::vector<Value> items = left.items;
    items.insert(items.end(), right.items.begin(), right.items.end());
    BANTAM_TRY(List* const sum, heap.NewList(left.kind, std::move(items)));
    return Value(sum);
  }
  if (op == Operator::kMultiply) {
    const auto repeats = [](const Value& what, const Value& times) {
      return (IfText(what) != nullptr || IsSequence(what)) && IsNumber(times) && !Is<double>(times);
    };
    if (repeats(a, b)) return Repeat(heap, a, ToInt(b));
    if (repeats(b, a)) return Repeat(heap, b, ToInt(a));
  }
  if (op == Operator::kModulo && text_a != nullptr) {
    return Err(ErrorCode::kUnsupported,
               "\"%\" after a string (printf's formats) is not supported; use ~ or the filter replace");
  }
  return WrongTypes(op, a, b);
}

Result<Value> Negative(const Value& value) {
  if (const double* number = If<double>(value)) return Value(-*number);
  if (IsNumber(value)) return Integers(Operator::kSubtract, 0, ToInt(value));
  if (const auto* undefined = If<Undefined>(value)) return UndefinedError(*undefined);
  return Err(ErrorCode::kInvalidArgument, "\"-\" cannot be used before a value of type {}", TypeName(value));
}

Result<bool> AreEqual(Heap& heap, const Value& a, const Value& b, int depth) {
  if (depth > kMaxValueDepth) return TooDeep();
  BANTAM_RETURN_IF_ERROR(heap.Step());
  if (IsNumber(a) && IsNumber(b)) {
    if (Is<double>(a) || Is<double>(b)) return ToDouble(a) == ToDouble(b);
    return ToInt(a) == ToInt(b);
  }
  if (const MarkedText *x = IfText(a), *y = IfText(b); x != nullptr && y != nullptr) {
    if (x->size() != y->size()) return false;
    BANTAM_RETURN_IF_ERROR(heap.StepForBytes(x->size()));
    return x->view() == y->view();
  }
  if (a.index() != b.index()) return false;
  if (Is<Undefined>(a) || Is<None>(a)) return true;
  if (const auto* list = If<List*>(a)) {
    const List &x = **list, &y = *std::get<List*>(b);
    if (&x == &y) return true;
    if (x.kind != y.kind || x.items.size() != y.items.size()) return false;
    for (size_t i = 0; i < x.items.size(); ++i) {
      BANTAM_TRY(const bool same, AreEqual(heap, x.items[i], y.items[i], depth + 1));
      if (!same) return false;
    }
    return true;
  }
  if (const auto* dict = If<Dict*>(a)) {
    const Dict &x = **dict, &y = *std::get<Dict*>(b);
    if (&x == &y) return true;
    if (x.size() != y.size()) return false;
    for (const Dict::Entry& entry : x.entries()) {
      BANTAM_TRY(const Value* const other, y.Find(entry.key));
      if (other == nullptr) return false;
      BANTAM_TRY(const bool same, AreEqual(heap, entry.value, *other, depth + 1));
      if (!same) return false;
    }
    return true;
  }
  return std::visit(Same{b}, a);
}

Result<bool> IsLess(Heap& heap, const Value& a, const Value& b, int depth) {
  if (depth > kMaxValueDepth) return TooDeep();
  BANTAM_RETURN_IF_ERROR(heap.Step());
  if (IsNumber(a) && IsNumber(b)) {
    if (Is<double>(a) || Is<double>(b)) return ToDouble(a) < ToDouble(b);
    return ToInt(a) < ToInt(b);
  }
  if (const MarkedText *x = IfText(a), *y = IfText(b); x != nullptr && y != nullptr) {
    BANTAM_RETURN_IF_ERROR(heap.StepForBytes(std::min(x->size(), y->size())));
    return x->view() < y->view();  // bytes of UTF-8 have the order of code points
  }
  if (IsSequence(a) && IsSequence(b)) {
    const List &x = *std::get<List*>(a), &y = *std::get<List*>(b);
    for (size_t i = 0; x.kind == y.kind && i < x.items.size() && i < y.items.size(); ++i) {
      BANTAM_TRY(const bool same, AreEqual(heap, x.items[i], y.items[i], depth + 1));
      if (!same) return IsLess(heap, x.items[i], y.items[i], depth + 1);
    }
    if (x.kind == y.kind) return x.items.size() < y.items.size();
  }
  return WrongTypes(Operator::kLess, a, b);
}

Result<bool> Compare(Heap& heap, Operator op, const Value& a, const Value& b) {
  switch (op) {
    case Operator::kEqual:
      return AreEqual(heap, a, b);
    case Operator::kNotEqual: {
      BANTAM_TRY(const bool same, AreEqual(heap, a, b));
      return !same;
    }
    case Operator::kLess:
      return IsLess(heap, a, b);
    case Operator::kGreater:
      return IsLess(heap, b, a);
    case Operator::kLessEqual:
    case Operator::kGreaterEqual: {
      BANTAM_TRY(const bool less, op == Operator::kLessEqual ? IsLess(heap, a, b) : IsLess(heap, b, a));
      return less ? Result<bool>(true) : AreEqual(heap, a, b);
    }
    case Operator::kNotIn: {
      BANTAM_TRY(const bool found, Contains(heap, b, a));
      return !found;
    }
    default:
      return Contains(heap, b, a);
  }
}

size_t FindText(std::string_view text, std::string_view needle, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (needle.empty()) return from;
  const void* found = ::memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  return found == nullptr ? std::string_view::npos : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

Result<bool> Contains(Heap& heap, const Value& container, const Value& item) {
  if (const MarkedText* text = IfText(container)) {
    const MarkedText* part = IfText(item);
    if (part == nullptr) return WrongTypes(Operator::kIn, item, container);
    BANTAM_RETURN_IF_ERROR(heap.StepForBytes(text->size()));
    return FindText(text->view(), part->view(), 0) != std::string_view::npos;
  }
  if (const auto* list = If<List*>(container)) {
    for (const Value& each : (*list)->items) {
      BANTAM_TRY(const bool same, AreEqual(heap, each, item));
      if (same) return true;
    }
    return false;
  }
  if (const auto* dict = If<Dict*>(container)) {
    BANTAM_TRY(const Value* const found, (*dict)->Find(item));
    return found != nullptr;
  }
  if (Is<Undefined>(container)) return false;
  return WrongTypes(Operator::kIn, item, container);
}

}  // namespace bantam::jinja
