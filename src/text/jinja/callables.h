// Filters, tests, methods and functions: each a row in a table with the names of its parameters and what it does.
#pragma once

#include <array>
#include <ctime>
#include <span>
#include <string_view>
#include <vector>

#include "text/jinja/heap.h"

namespace bantam::jinja {

struct NamedValue {
  std::string_view name;
  Value value;
  TextRef key{};  // of **dict: the key, with its marks

  Result<Value> Key(Heap& heap) const { return key != nullptr ? Result<Value>(Value(key)) : heap.Text(name); }
};

// One render: what it may use, and the time that it tells.
struct Machine {
  Machine(const Limits& limits, const std::tm& now) : heap(limits), time(now) {}
  Heap heap;
  std::tm time;
};

constexpr size_t kMaxParameters = 5;

struct Call {
  Machine& machine;
  Heap& heap;
  const Value& self;  // what a filter or test is applied to, or a method's object; undefined for functions
  std::span<const Value> positional;
  std::span<const NamedValue> named;
  std::array<const Value*, kMaxParameters> arguments{};  // by parameter; null where left out

  const Value* Given(size_t i) const { return arguments[i]; }
  bool Flag(size_t i, bool other) const { return arguments[i] == nullptr ? other : IsTrue(*arguments[i]); }
};

struct Callable {
  std::string_view name;
  Result<Value> (*run)(Call& call);
  std::array<std::string_view, kMaxParameters> parameters{};  // up to the first empty one
  size_t required = 0;
  bool variadic = false;  // takes whatever it is given
};

const Callable* FindFilter(std::string_view name);
const Callable* FindTest(std::string_view name);
// Null for what the type has not, or what is not supported of it.
const Callable* FindMethod(const Value& self, std::string_view name);
const Callable* FindFunction(std::string_view name);
std::span<const Callable> Functions();

// The tables, one file each.
std::span<const Callable> TextFilters();
std::span<const Callable> ListFilters();
std::span<const Callable> Tests();
std::span<const Callable> TextMethods();
std::span<const Callable> ListMethods();
std::span<const Callable> DictMethods();
std::span<const Callable> LoopMethods();

// Matches arguments to parameters and runs. Errors begin with the name.
Result<Value> Invoke(Machine& machine, const Callable& callable, const Value& self, std::span<const Value> positional,
                     std::span<const NamedValue> named);

// Arguments of a known type; errors name the parameter.
Result<TextRef> TextArgument(Call& call, size_t i);  // of any type, as text: what Jinja calls soft_str
Result<const MarkedText*> StringArgument(Call& call, size_t i);
Result<int64_t> IntArgument(Call& call, size_t i, int64_t other);
// The text of `self`, which for filters may be of any type.
Result<TextRef> SelfText(Call& call);

// str.format(): the one format language that templates use.
Result<Value> FormatText(Call& call);
// datetime.strftime().
Result<Value> FormatTime(Call& call);

}  // namespace bantam::jinja
