// What Python's operators and built-in functions do with values. Errors say what was wrong with which types and have no
// place yet: who called adds it.
#pragma once

#include "text/jinja/ast.h"
#include "text/jinja/heap.h"

namespace bantam::jinja {

// a + b, a / b and the like; not the comparisons.
Result<Value> Arithmetic(Heap& heap, Operator op, const Value& a, const Value& b);
Result<Value> Negative(const Value& value);

Result<bool> AreEqual(Heap& heap, const Value& a, const Value& b, int depth = 0);
Result<bool> IsLess(Heap& heap, const Value& a, const Value& b, int depth = 0);
Result<bool> Compare(Heap& heap, Operator op, const Value& a, const Value& b);
Result<bool> Contains(Heap& heap, const Value& container, const Value& item);
// Where `needle` begins in `text` from `from` on, or npos. Linear, whatever the two are.
size_t FindText(std::string_view text, std::string_view needle, size_t from);

// What `for` goes through: items, keys, characters. Nothing for what is undefined.
Result<std::vector<Value>> Items(Heap& heap, const Value& value);
Result<size_t> Length(const Value& value);

// value.name and value[key]: undefined where there is none. Methods are found by value.name first, then keys; by
// value[key] the other way round.
Result<Value> Attribute(Heap& heap, const Value& value, std::string_view name);
Result<Value> Item(Heap& heap, const Value& value, const Value& key, std::string_view name_for_errors);
Result<Value> Slice(Heap& heap, const Value& value, const Value& begin, const Value& end, const Value& step);
Error UndefinedError(const Undefined& value);

// str(): what {{ }} prints.
Status AppendPrinted(Heap& heap, const Value& value, MarkedText& out);
Status AppendReprOf(Heap& heap, const Value& value, MarkedText& out, int depth = 0);
// The value if it is a string, else str() of it.
Result<TextRef> ToText(Heap& heap, const Value& value);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  const Value* indent = nullptr;  // null or None: one line
  const MarkedText* item_separator = nullptr;
  const MarkedText* key_separator = nullptr;
};
Status AppendJson(Heap& heap, const Value& value, const JsonStyle& style, MarkedText& out);

// An integer that fits a size of ours, clamped: for indices and widths. The difference of two fits as well.
inline int64_t ClampToInt64(Int value) {
  constexpr Int kMost = int64_t{1} << 61;
  return static_cast<int64_t>(value > kMost ? kMost : value < -kMost ? -kMost : value);
}

}  // namespace bantam::jinja
