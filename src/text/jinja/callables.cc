#include "text/jinja/callables.h"

#include "base/text_util.h"
#include "text/jinja/operations.h"

namespace bantam::jinja {
namespace {

const Callable* FindIn(std::span<const Callable> table, std::string_view name) {
  for (const Callable& each : table) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

Error WrongArgument(const Call& call, size_t i, std::string_view expected) {
  return Err(ErrorCode::kInvalidArgument, "argument {} must be {}, not {}", i + 1, expected,
             TypeName(*call.arguments[i]));
}

Error Named(const Callable& callable, Error error) {
  error.message = fmt::format("{}: {}", callable.name, error.message);
  return error;
}

}  // namespace

const Callable* FindFilter(std::string_view name) {
  const Callable* found = FindIn(TextFilters(), name);
  return found != nullptr ? found : FindIn(ListFilters(), name);
}

const Callable* FindTest(std::string_view name) { return FindIn(Tests(), name); }

const Callable* FindMethod(const Value& self, std::string_view name) {
  if (IfText(self) != nullptr) return FindIn(TextMethods(), name);
  if (Is<Dict*>(self)) return FindIn(DictMethods(), name);
  if (const auto* list = If<List*>(self)) {
    const bool reads = name == "count" || name == "index";  // all that a tuple has
    const bool has = (*list)->kind == ListKind::kList || ((*list)->kind == ListKind::kTuple && reads);
    return has ? FindIn(ListMethods(), name) : nullptr;
  }
  if (Is<Loop*>(self)) return FindIn(LoopMethods(), name);
  return nullptr;
}

const Callable* FindFunction(std::string_view name) { return FindIn(Functions(), name); }

Result<Value> Invoke(Machine& machine, const Callable& callable, const Value& self, std::span<const Value> positional,
                     std::span<const NamedValue> named) {
  Call call{machine, machine.heap, self, positional, named};
  const auto wrong = [&](std::string what) { return Named(callable, Err(ErrorCode::kInvalidArgument, "{}", what)); };
  if (!callable.variadic) {
    size_t count = 0;
    while (count < kMaxParameters && !callable.parameters[count].empty()) ++count;
    if (positional.size() > count) {
      return wrong(fmt::format("takes at most {} arguments, got {}", count, positional.size()));
    }
    for (size_t i = 0; i < positional.size(); ++i) call.arguments[i] = &positional[i];
    for (const NamedValue& each : named) {
      size_t i = 0;
      while (i < count && callable.parameters[i] != each.name) ++i;
      if (i == count) return wrong(fmt::format("has no parameter \"{}\"", EscapeForTerminal(each.name)));
      if (call.arguments[i] != nullptr) {
        return wrong(fmt::format("the parameter \"{}\" is given twice", each.name));
      }
      call.arguments[i] = &each.value;
    }
    for (size_t i = 0; i < callable.required; ++i) {
      if (call.arguments[i] == nullptr) {
        return wrong(fmt::format("the parameter \"{}\" is missing", callable.parameters[i]));
      }
    }
  }
  Result<Value> result = callable.run(call);
  // A limit's message says all by itself, and so do a template's own words.
  if (!result && result.error().code != ErrorCode::kTooLarge && callable.name != "raise_exception") {
    return Named(callable, std::move(result).error());
  }
  return result;
}

Result<TextRef> TextArgument(Call& call, size_t i) { return ToText(call.heap, *call.arguments[i]); }

Result<const MarkedText*> StringArgument(Call& call, size_t i) {
  const MarkedText* text = IfText(*call.arguments[i]);
  if (text == nullptr) return WrongArgument(call, i, "a string");
  return text;
}

Result<int64_t> IntArgument(Call& call, size_t i, int64_t other) {
  if (call.arguments[i] == nullptr) return other;
  const Value& value = *call.arguments[i];
  if (!IsNumber(value) || Is<double>(value)) return WrongArgument(call, i, "an integer");
  return ClampToInt64(ToInt(value));
}

Result<TextRef> SelfText(Call& call) { return ToText(call.heap, call.self); }

}  // namespace bantam::jinja
