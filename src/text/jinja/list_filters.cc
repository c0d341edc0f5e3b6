// Filters on lists and dicts. What is a generator in Python is a list here.
#include <set>

#include "text/jinja/callables.h"
#include "text/jinja/operations.h"
#include "text/jinja/text_work.h"

namespace bantam::jinja {
namespace {

Result<Value> NewList(Call& call, std::vector<Value> items, ListKind kind = ListKind::kList) {
  BANTAM_TRY(List* const list, call.heap.NewList(kind, std::move(items)));
  return Value(list);
}

// "a.b.0": one attribute after the other. Numbers are indices.
Result<Value> FollowPath(Call& call, const Value& value, const Value& path) {
  const MarkedText* text = IfText(path);
  if (text == nullptr) return Item(call.heap, value, path, "");
  Value at = value;
  for (size_t begin = 0; begin <= text->size();) {
    const size_t end = std::min(text->view().find('.', begin), text->size());
    const std::string_view part = text->view().substr(begin, end - begin);
    const bool is_number = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    BANTAM_TRY(const Value key, call.heap.Text(part));
    BANTAM_TRY(at, Item(call.heap, at, is_number ? Value(ParseInt(part, 10).value_or(0)) : key, ""));
    begin = end + 1;
  }
  return at;
}

// As it is compared when case does not count.
Result<Value> Folded(Call& call, const Value& value, bool case_sensitive) {
  const MarkedText* text = IfText(value);
  if (text == nullptr || case_sensitive) return value;
  return call.heap.Text(Lower(*text));
}

// map, select and their kin go through nothing where there is nothing that counts as true, none among it.
Result<std::vector<Value>> ItemsIfTrue(Call& call) {
  return IsTrue(call.self) ? Items(call.heap, call.self) : std::vector<Value>();
}

struct Keyed {
  Value key, item;
};

// Stable. An error of a comparison is the result.
Status SortKeyed(Heap& heap, std::vector<Keyed>& items, bool reverse) {
  Status failed = Ok();
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    if (!failed) return false;
    const Result<bool> less = reverse ? IsLess(heap, b.key, a.key) : IsLess(heap, a.key, b.key);
    if (!less) failed = less.error();
    return less && *less;
  });
  return failed;
}

Result<std::vector<Keyed>> WithKeys(Call& call, const Value* attribute, bool case_sensitive) {
  BANTAM_TRY(std::vector<Value> items, Items(call.heap, call.self));
  std::vector<Keyed> out;
  for (Value& item : items) {
    Value key = item;
    if (attribute != nullptr && !Is<None>(*attribute)) {
      BANTAM_TRY(key, FollowPath(call, item, *attribute));
    }
    BANTAM_TRY(key, Folded(call, key, case_sensitive));
    out.push_back({std::move(key), std::move(item)});
  }
  return out;
}

Result<Value> Sort(Call& call) {
  const Value* path = call.Given(2);
  std::vector<Keyed> items;
  const MarkedText* names = path != nullptr ? IfText(*path) : nullptr;
  if (names != nullptr && names->view().find(',') != std::string_view::npos) {
    return Err(ErrorCode::kUnsupported, "several attributes are not supported; sort by one after the other");
  }
  BANTAM_TRY(items, WithKeys(call, path, call.Flag(1, false)));
  BANTAM_RETURN_IF_ERROR(SortKeyed(call.heap, items, call.Flag(0, false)));
  std::vector<Value> sorted;
  for (Keyed& each : items) sorted.push_back(std::move(each.item));
  return NewList(call, std::move(sorted));
}

Result<Value> SortDict(Call& call) {
  const auto* dict = If<Dict*>(call.self);
  if (dict == nullptr) {
    if (const auto* undefined = If<Undefined>(call.self)) return UndefinedError(*undefined);
    return Err(ErrorCode::kInvalidArgument, "needs a dict, not {}", TypeName(call.self));
  }
  bool by_value = false;
  if (call.Given(1) != nullptr) {
    BANTAM_TRY(const MarkedText* const by, StringArgument(call, 1));
    if (by->view() != "key" && by->view() != "value") {
      return Err(ErrorCode::kInvalidArgument, "by must be \"key\" or \"value\"");
    }
    by_value = by->view() == "value";
  }
  std::vector<Keyed> items;
  for (const Dict::Entry& entry : (*dict)->entries()) {
    BANTAM_TRY(Value key, Folded(call, by_value ? entry.value : entry.key, call.Flag(0, false)));
    BANTAM_TRY(const Value pair, NewList(call, {entry.key, entry.value}, ListKind::kTuple));
    items.push_back({std::move(key), pair});
  }
  BANTAM_RETURN_IF_ERROR(SortKeyed(call.heap, items, call.Flag(2, false)));
  std::vector<Value> sorted;
  for (Keyed& each : items) sorted.push_back(std::move(each.item));
  return NewList(call, std::move(sorted));
}

Result<Value> ItemsOf(Call& call) {
  if (Is<Undefined>(call.self)) return NewList(call, {}, ListKind::kGenerator);
  const auto* dict = If<Dict*>(call.self);
  if (dict == nullptr) return Err(ErrorCode::kInvalidArgument, "needs a dict, not {}", TypeName(call.self));
  std::vector<Value> pairs;
  for (const Dict::Entry& entry : (*dict)->entries()) {
    BANTAM_TRY(Value pair, NewList(call, {entry.key, entry.value}, ListKind::kTuple));
    pairs.push_back(std::move(pair));
  }
  return NewList(call, std::move(pairs), ListKind::kGenerator);
}

Result<Value> Join(Call& call) {
  BANTAM_TRY(const std::vector<Value> items, Items(call.heap, call.self));
  TextRef separator;
  if (call.Given(0) != nullptr) {
    BANTAM_TRY(separator, TextArgument(call, 0));
  }
  const Value* attribute = call.Given(1);
  MarkedText out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0 && separator != nullptr) {
      BANTAM_RETURN_IF_ERROR(AppendPrinted(call.heap, Value(separator), out));
    }
    Value item = items[i];
    if (attribute != nullptr && !Is<None>(*attribute)) {
      BANTAM_TRY(item, FollowPath(call, item, *attribute));
    }
    BANTAM_RETURN_IF_ERROR(AppendPrinted(call.heap, item, out));
    BANTAM_RETURN_IF_ERROR(call.heap.Room(out.size()));
  }
  return call.heap.Text(std::move(out));
}

Result<Value> LengthOf(Call& call) {
  if (const MarkedText* text = IfText(call.self)) BANTAM_RETURN_IF_ERROR(call.heap.StepForBytes(text->size()));
  BANTAM_TRY(const size_t length, Length(call.self));
  return FromSize(length);
}

Result<Value> First(Call& call) {
  BANTAM_TRY(const std::vector<Value> items, Items(call.heap, call.self));
  return items.empty() ? Value(Undefined{"first item"}) : items.front();
}

Result<Value> Last(Call& call) {
  BANTAM_TRY(const std::vector<Value> items, Items(call.heap, call.self));
  return items.empty() ? Value(Undefined{"last item"}) : items.back();
}

Result<Value> ToList(Call& call) {
  BANTAM_TRY(std::vector<Value> items, Items(call.heap, call.self));
  return NewList(call, std::move(items));
}

Result<Value> Reverse(Call& call) {
  BANTAM_TRY(std::vector<Value> items, Items(call.heap, call.self));
  std::reverse(items.begin(), items.end());
  if (IfText(call.self) == nullptr) return NewList(call, std::move(items), ListKind::kGenerator);
  MarkedText out;
  for (const Value& each : items) out.Append(*IfText(each));
  return call.heap.Text(std::move(out));
}

Result<Value> Unique(Call& call) {
  BANTAM_TRY(const std::vector<Keyed> items, WithKeys(call, call.Given(1), call.Flag(0, false)));
  BANTAM_TRY(Dict* const seen, call.heap.NewDict());
  std::vector<Value> out;
  for (const Keyed& each : items) {
    BANTAM_TRY(const Value* const before, seen->Find(each.key));
    if (before != nullptr) continue;
    BANTAM_RETURN_IF_ERROR(call.heap.Set(*seen, each.key, true));
    out.push_back(each.item);
  }
  return NewList(call, std::move(out), ListKind::kGenerator);
}

template <bool kLargest>
Result<Value> Extreme(Call& call) {
  BANTAM_TRY(const std::vector<Keyed> items, WithKeys(call, call.Given(1), call.Flag(0, false)));
  if (items.empty()) return Value(Undefined{"extreme of nothing"});
  const Keyed* best = &items.front();
  for (const Keyed& each : items) {
    BANTAM_TRY(const bool better,
               kLargest ? IsLess(call.heap, best->key, each.key) : IsLess(call.heap, each.key, best->key));
    if (better) best = &each;
  }
  return best->item;
}

Result<Value> Sum(Call& call) {
  BANTAM_TRY(const std::vector<Value> items, Items(call.heap, call.self));
  Value sum = call.Given(1) != nullptr ? *call.Given(1) : Value(Int{0});
  if (IfText(sum) != nullptr) return Err(ErrorCode::kInvalidArgument, "start must not be a string; use join");
  for (const Value& item : items) {
    Value each = item;
    if (call.Given(0) != nullptr && !Is<None>(*call.Given(0))) {
      BANTAM_TRY(each, FollowPath(call, item, *call.Given(0)));
    }
    BANTAM_TRY(sum, Arithmetic(call.heap, Operator::kAdd, sum, each));
  }
  return sum;
}

Result<Value> Batch(Call& call) {
  BANTAM_TRY(const std::vector<Value> items, Items(call.heap, call.self));
  BANTAM_TRY(const int64_t wanted, IntArgument(call, 0, 1));
  if (wanted < 1) return Err(ErrorCode::kInvalidArgument, "linecount must be at least 1");
  const auto count = static_cast<size_t>(wanted);
  std::vector<Value> batches;
  for (size_t begin = 0; begin < items.size(); begin += std::min(count, items.size() - begin)) {
    const size_t end = begin + std::min(count, items.size() - begin);
    std::vector<Value> batch(items.begin() + static_cast<ptrdiff_t>(begin),
                             items.begin() + static_cast<ptrdiff_t>(end));
    if (call.Given(1) != nullptr && !Is<None>(*call.Given(1))) {
      BANTAM_RETURN_IF_ERROR(call.heap.Room(count * sizeof(Value)));
      batch.resize(count, *call.Given(1));
    }
    BANTAM_TRY(Value list, NewList(call, std::move(batch)));
    batches.push_back(std::move(list));
  }
  return NewList(call, std::move(batches), ListKind::kGenerator);
}

// map(attribute=..., default=...) or map(filter, its arguments).
Result<Value> Map(Call& call) {
  BANTAM_TRY(const std::vector<Value> items, ItemsIfTrue(call));
  const Value *attribute = nullptr, *other = nullptr;
  for (const NamedValue& each : call.named) {
    if (call.positional.empty() && each.name == "attribute") attribute = &each.value;
    if (call.positional.empty() && each.name == "default") other = &each.value;
  }
  std::vector<Value> out;
  if (attribute != nullptr) {
    for (const Value& item : items) {
      BANTAM_TRY(Value found, FollowPath(call, item, *attribute));
      if (Is<Undefined>(found) && other != nullptr) found = *other;
      out.push_back(std::move(found));
    }
    return NewList(call, std::move(out), ListKind::kGenerator);
  }
  const MarkedText* name = call.positional.empty() ? nullptr : IfText(call.positional[0]);
  if (name == nullptr) return Err(ErrorCode::kInvalidArgument, "needs a filter's name or attribute=...");
  const Callable* filter = FindFilter(name->view());
  if (filter == nullptr) return Err(ErrorCode::kUnsupported, "there is no filter \"{}\"", name->view());
  for (const Value& item : items) {
    BANTAM_RETURN_IF_ERROR(call.heap.Step());
    BANTAM_TRY(Value made, Invoke(call.machine, *filter, item, call.positional.subspan(1), call.named));
    out.push_back(std::move(made));
  }
  return NewList(call, std::move(out), ListKind::kGenerator);
}

// select, reject: by a test, or by truth without one; selectattr, rejectattr: the same of an attribute.
template <bool kAttribute, bool kWanted>
Result<Value> Select(Call& call) {
  BANTAM_TRY(const std::vector<Value> items, ItemsIfTrue(call));
  std::span<const Value> rest = call.positional;
  if (kAttribute) {
    if (rest.empty()) return Err(ErrorCode::kInvalidArgument, "needs the name of an attribute");
    rest = rest.subspan(1);
  }
  const Callable* test = nullptr;
  if (!rest.empty()) {
    const MarkedText* name = IfText(rest[0]);
    test = name != nullptr ? FindTest(name->view()) : nullptr;
    if (test == nullptr) {
      return Err(ErrorCode::kUnsupported, "there is no test \"{}\"",
                 name != nullptr ? name->view() : TypeName(rest[0]));
    }
    rest = rest.subspan(1);
  }
  std::vector<Value> out;
  for (const Value& item : items) {
    BANTAM_RETURN_IF_ERROR(call.heap.Step());
    Value value = item;
    if (kAttribute) {
      BANTAM_TRY(value, FollowPath(call, item, call.positional[0]));
    }
    if (test != nullptr) {
      BANTAM_TRY(value, Invoke(call.machine, *test, value, rest, call.named));
    }
    if (IsTrue(value) == kWanted) out.push_back(item);
  }
  return NewList(call, std::move(out), ListKind::kGenerator);
}

Result<Value> GroupBy(Call& call) {
  BANTAM_TRY(std::vector<Keyed> items, WithKeys(call, call.Given(0), call.Flag(2, false)));
  for (Keyed& each : items) {
    if (Is<Undefined>(each.key) && call.Given(1) != nullptr) each.key = *call.Given(1);
  }
  BANTAM_RETURN_IF_ERROR(SortKeyed(call.heap, items, false));
  std::vector<Value> groups;
  for (size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    std::vector<Value> members;
    for (end = begin; end < items.size(); ++end) {
      BANTAM_TRY(const bool same, AreEqual(call.heap, items[begin].key, items[end].key));
      if (!same) break;
      members.push_back(items[end].item);
    }
    // The group's name is spelled as its first member has it.
    BANTAM_TRY(Value name, FollowPath(call, items[begin].item, *call.Given(0)));
    if (Is<Undefined>(name) && call.Given(1) != nullptr) name = *call.Given(1);
    BANTAM_TRY(const Value list, NewList(call, std::move(members)));
    BANTAM_TRY(Value group, NewList(call, {name, list}, ListKind::kTuple));
    groups.push_back(std::move(group));
  }
  return NewList(call, std::move(groups));
}

}  // namespace

std::span<const Callable> ListFilters() {
  static constexpr Callable kTable[] = {
      {"batch", Batch, {"linecount", "fill_with"}, 1},
      {"count", LengthOf},
      {"dictsort", SortDict, {"case_sensitive", "by", "reverse"}},
      {"first", First},
      {"groupby", GroupBy, {"attribute", "default", "case_sensitive"}, 1},
      {"items", ItemsOf},
      {"join", Join, {"d", "attribute"}},
      {"last", Last},
      {"length", LengthOf},
      {"list", ToList},
      {"map", Map, {}, 0, true},
      {"max", Extreme<true>, {"case_sensitive", "attribute"}},
      {"min", Extreme<false>, {"case_sensitive", "attribute"}},
      {"reject", Select<false, false>, {}, 0, true},
      {"rejectattr", Select<true, false>, {}, 0, true},
      {"reverse", Reverse},
      {"select", Select<false, true>, {}, 0, true},
      {"selectattr", Select<true, true>, {}, 0, true},
      {"sort", Sort, {"reverse", "case_sensitive", "attribute"}},
      {"sum", Sum, {"attribute", "start"}},
      {"unique", Unique, {"case_sensitive", "attribute"}},
  };
  return kTable;
}

}  // namespace bantam::jinja
