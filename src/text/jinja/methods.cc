// Methods of strings, lists, dicts and loops.
#include "text/jinja/callables.h"
#include "text/jinja/operations.h"
#include "text/jinja/text_work.h"
#include "text/unicode.h"

namespace bantam::jinja {
namespace {

const MarkedText& Self(const Call& call) { return *IfText(call.self); }

Result<Value> NewList(Call& call, std::vector<Value> items, ListKind kind = ListKind::kList) {
  BANTAM_TRY(List* const list, call.heap.NewList(kind, std::move(items)));
  return Value(list);
}

template <MarkedText (*kChange)(const MarkedText&)>
Result<Value> Changed(Call& call) {
  return call.heap.Text(kChange(Self(call)));
}

template <bool (*kHolds)(std::string_view)>
Result<Value> Holds(Call& call) {
  return Value(kHolds(Self(call).view()));
}

template <bool kLeft, bool kRight>
Result<Value> Strip(Call& call) {
  const MarkedText* characters = nullptr;
  if (call.Given(0) != nullptr && !Is<None>(*call.Given(0))) {
    BANTAM_TRY(characters, StringArgument(call, 0));
  }
  return StripText(call.heap, Self(call), characters, kLeft, kRight);
}

// The argument of startswith and endswith is a string or a tuple of them.
template <bool kAtStart>
Result<Value> StartsOrEnds(Call& call) {
  const std::string_view text = Self(call).view();
  const auto holds = [&](const MarkedText& part) {
    return kAtStart ? text.starts_with(part.view()) : text.ends_with(part.view());
  };
  if (const auto* list = If<List*>(*call.Given(0)); list != nullptr && (*list)->kind == ListKind::kTuple) {
    for (const Value& each : (*list)->items) {
      const MarkedText* part = IfText(each);
      if (part == nullptr) return Err(ErrorCode::kInvalidArgument, "needs strings, not {}", TypeName(each));
      if (holds(*part)) return Value(true);
    }
    return Value(false);
  }
  BANTAM_TRY(const MarkedText* const part, StringArgument(call, 0));
  return Value(holds(*part));
}

struct Part {
  size_t begin, end;
};

// Words between white space; after `cuts` of them comes the rest as it is.
std::vector<Part> WordsOf(std::string_view text, uint64_t cuts) {
  std::vector<Part> parts;
  size_t at = StripLeft(text);
  while (at < text.size()) {
    if (cuts-- == 0) {
      parts.push_back({at, text.size()});
      break;
    }
    size_t end = at;
    while (end < text.size()) {
      const auto c = text::DecodeUtf8(text.data() + end);
      if (IsPythonSpace(c.code_point)) break;
      end += c.length;
    }
    parts.push_back({at, end});
    at = end + StripLeft(text.substr(end));
  }
  return parts;
}

std::vector<Part> WordsFromRight(std::string_view text, uint64_t cuts) {
  std::vector<Part> parts;
  size_t end = text.size() - StripRight(text);
  while (end > 0) {
    if (cuts-- == 0) {
      parts.push_back({0, end});
      break;
    }
    size_t begin = end;
    while (begin > 0) {
      const auto c = text::DecodeUtf8Before(text.data(), text.data() + begin);
      if (IsPythonSpace(c.code_point)) break;
      begin -= c.length;
    }
    parts.push_back({begin, end});
    end = begin - StripRight(text.substr(0, begin));
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<Part> PartsBetween(std::string_view text, std::string_view separator, uint64_t cuts, bool from_right) {
  std::vector<Part> cut_at;
  if (!from_right) {
    for (size_t at = 0; cuts-- > 0;) {
      const size_t found = FindText(text, separator, at);
      if (found == std::string_view::npos) break;
      cut_at.push_back({found, found + separator.size()});
      at = found + separator.size();
    }
  } else {
    for (size_t end = text.size(); cuts-- > 0 && end >= separator.size();) {
      const size_t found = text.rfind(separator, end - separator.size());
      if (found == std::string_view::npos) break;
      cut_at.push_back({found, found + separator.size()});
      end = found;
    }
    std::reverse(cut_at.begin(), cut_at.end());
  }
  std::vector<Part> parts;
  size_t begin = 0;
  for (const Part& each : cut_at) {
    parts.push_back({begin, each.begin});
    begin = each.end;
  }
  parts.push_back({begin, text.size()});
  return parts;
}

template <bool kFromRight>
Result<Value> Split(Call& call) {
  const MarkedText& text = Self(call);
  BANTAM_TRY(const int64_t most, IntArgument(call, 1, -1));
  const uint64_t cuts = most < 0 ? ~uint64_t{0} : static_cast<uint64_t>(most);
  std::vector<Part> parts;
  if (call.Given(0) == nullptr || Is<None>(*call.Given(0))) {
    parts = kFromRight ? WordsFromRight(text.view(), cuts) : WordsOf(text.view(), cuts);
  } else {
    BANTAM_TRY(const MarkedText* const separator, StringArgument(call, 0));
    if (separator->empty()) return Err(ErrorCode::kInvalidArgument, "the separator is empty");
    if (kFromRight) {  // its search is not linear in the worst case
      BANTAM_RETURN_IF_ERROR(call.heap.Step(1 + text.size() / 32 * (1 + separator->size() / 16)));
    }
    parts = PartsBetween(text.view(), separator->view(), cuts, kFromRight);
  }
  std::vector<Value> items;
  for (const Part& each : parts) {
    BANTAM_TRY(Value item, call.heap.Text(text.Slice(each.begin, each.end)));
    items.push_back(std::move(item));
  }
  return NewList(call, std::move(items));
}

Result<Value> SplitLines(Call& call) {
  const MarkedText& text = Self(call);
  const bool keeps = call.Flag(0, false);
  std::vector<Value> items;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin, ends = 0;
    while (end < text.size() && (ends = LineEnd(text.view(), end)) == 0) ++end;
    BANTAM_TRY(Value item, call.heap.Text(text.Slice(begin, end + (keeps ? ends : 0))));
    items.push_back(std::move(item));
    begin = end + ends;
  }
  return NewList(call, std::move(items));
}

template <bool kFromRight>
Result<Value> Partition(Call& call) {
  const MarkedText& text = Self(call);
  BANTAM_TRY(const MarkedText* const separator, StringArgument(call, 0));
  if (separator->empty()) return Err(ErrorCode::kInvalidArgument, "the separator is empty");
  if (kFromRight) BANTAM_RETURN_IF_ERROR(call.heap.Step(1 + text.size() / 32 * (1 + separator->size() / 16)));
  const size_t found = kFromRight ? text.view().rfind(separator->view()) : FindText(text.view(), separator->view(), 0);
  BANTAM_TRY(const Value nothing, call.heap.Text(""));
  if (found == std::string_view::npos) {
    return kFromRight ? NewList(call, {nothing, nothing, call.self}, ListKind::kTuple)
                      : NewList(call, {call.self, nothing, nothing}, ListKind::kTuple);
  }
  BANTAM_TRY(const Value before, call.heap.Text(text.Slice(0, found)));
  BANTAM_TRY(const Value middle, call.heap.Text(text.Slice(found, found + separator->size())));
  BANTAM_TRY(const Value after, call.heap.Text(text.Slice(found + separator->size(), text.size())));
  return NewList(call, {before, middle, after}, ListKind::kTuple);
}

Result<Value> Replace(Call& call) {
  BANTAM_TRY(const MarkedText* const from, StringArgument(call, 0));
  BANTAM_TRY(const MarkedText* const to, StringArgument(call, 1));
  BANTAM_TRY(const int64_t count, IntArgument(call, 2, -1));
  return ReplaceText(call.heap, Self(call), *from, *to, count);
}

// In characters; -1: not there.
Result<Value> Find(Call& call) {
  BANTAM_TRY(const MarkedText* const part, StringArgument(call, 0));
  BANTAM_RETURN_IF_ERROR(call.heap.StepForBytes(Self(call).size()));
  const size_t found = FindText(Self(call).view(), part->view(), 0);
  if (found == std::string_view::npos) return Value(Int{-1});
  return FromSize(text::CountCodePoints(Self(call).view().substr(0, found)));
}

Result<Value> Count(Call& call) {
  BANTAM_TRY(const MarkedText* const part, StringArgument(call, 0));
  BANTAM_RETURN_IF_ERROR(call.heap.StepForBytes(Self(call).size()));
  if (part->empty()) return FromSize(text::CountCodePoints(Self(call).view()) + 1);
  Int count = 0;
  for (size_t at = 0; (at = FindText(Self(call).view(), part->view(), at)) != std::string_view::npos;
       at += part->size()) {
    ++count;
  }
  return Value(count);
}

Result<Value> JoinItems(Call& call) {
  BANTAM_TRY(const std::vector<Value> items, Items(call.heap, *call.Given(0)));
  MarkedText out;
  for (size_t i = 0; i < items.size(); ++i) {
    const MarkedText* item = IfText(items[i]);
    if (item == nullptr) {
      return Err(ErrorCode::kInvalidArgument, "item {} must be a string, not {}", i, TypeName(items[i]));
    }
    if (i > 0) out.Append(Self(call));
    out.Append(*item);
    BANTAM_RETURN_IF_ERROR(call.heap.StepForBytes(item->size() + Self(call).size()));
    BANTAM_RETURN_IF_ERROR(call.heap.Room(out.size()));
  }
  return call.heap.Text(std::move(out));
}

template <bool kAtStart>
Result<Value> RemoveAffix(Call& call) {
  BANTAM_TRY(const MarkedText* const part, StringArgument(call, 0));
  const MarkedText& text = Self(call);
  const bool there = kAtStart ? text.view().starts_with(part->view()) : text.view().ends_with(part->view());
  if (!there) return call.self;
  return call.heap.Text(kAtStart ? text.Slice(part->size(), text.size()) : text.Slice(0, text.size() - part->size()));
}

Result<Value> Append(Call& call) {
  BANTAM_RETURN_IF_ERROR(call.heap.Push(*std::get<List*>(call.self), *call.Given(0)));
  return Value(None{});
}

Result<Value> Extend(Call& call) {
  BANTAM_TRY(const std::vector<Value> items, Items(call.heap, *call.Given(0)));
  for (const Value& each : items) BANTAM_RETURN_IF_ERROR(call.heap.Push(*std::get<List*>(call.self), each));
  return Value(None{});
}

Result<Value> Insert(Call& call) {
  std::vector<Value>& items = std::get<List*>(call.self)->items;
  BANTAM_TRY(int64_t at, IntArgument(call, 0, 0));
  const auto size = static_cast<int64_t>(items.size());
  if (at < 0) at += size;
  BANTAM_RETURN_IF_ERROR(call.heap.Step(1 + items.size() / 4));
  BANTAM_RETURN_IF_ERROR(call.heap.TakeMemory(2 * sizeof(Value)));
  items.insert(items.begin() + static_cast<ptrdiff_t>(std::clamp<int64_t>(at, 0, size)), *call.Given(1));
  return Value(None{});
}

Result<Value> Pop(Call& call) {
  std::vector<Value>& items = std::get<List*>(call.self)->items;
  BANTAM_TRY(int64_t at, IntArgument(call, 0, -1));
  const auto size = static_cast<int64_t>(items.size());
  if (at < 0) at += size;
  if (at < 0 || at >= size) return Err(ErrorCode::kInvalidArgument, "the list has no item {} to take", at);
  BANTAM_RETURN_IF_ERROR(call.heap.Step(1 + items.size() / 4));
  Value taken = items[static_cast<size_t>(at)];
  items.erase(items.begin() + static_cast<ptrdiff_t>(at));
  return taken;
}

Result<Value> IndexOf(Call& call) {
  const std::vector<Value>& items = std::get<List*>(call.self)->items;
  for (size_t i = 0; i < items.size(); ++i) {
    BANTAM_TRY(const bool same, AreEqual(call.heap, items[i], *call.Given(0)));
    if (same) return FromSize(i);
  }
  return Err(ErrorCode::kInvalidArgument, "the value is not in the list");
}

Result<Value> CountItems(Call& call) {
  Int count = 0;
  for (const Value& each : std::get<List*>(call.self)->items) {
    BANTAM_TRY(const bool same, AreEqual(call.heap, each, *call.Given(0)));
    count += same ? 1 : 0;
  }
  return Value(count);
}

Result<Value> ReverseItems(Call& call) {
  std::vector<Value>& items = std::get<List*>(call.self)->items;
  BANTAM_RETURN_IF_ERROR(call.heap.Step(1 + items.size() / 4));
  std::reverse(items.begin(), items.end());
  return Value(None{});
}

template <ListKind kKind>
Result<Value> Entries(Call& call) {
  const Dict& dict = *std::get<Dict*>(call.self);
  std::vector<Value> items;
  for (const Dict::Entry& entry : dict.entries()) {
    if (kKind == ListKind::kKeys) items.push_back(entry.key);
    if (kKind == ListKind::kValues) items.push_back(entry.value);
    if (kKind != ListKind::kItems) continue;
    BANTAM_TRY(Value pair, NewList(call, {entry.key, entry.value}, ListKind::kTuple));
    items.push_back(std::move(pair));
  }
  return NewList(call, std::move(items), kKind);
}

Result<Value> Get(Call& call) {
  BANTAM_TRY(const Value* const found, std::get<Dict*>(call.self)->Find(*call.Given(0)));
  if (found != nullptr) return *found;
  return call.Given(1) != nullptr ? *call.Given(1) : Value(None{});
}

Result<Value> PopKey(Call& call) {
  Dict& dict = *std::get<Dict*>(call.self);
  BANTAM_RETURN_IF_ERROR(call.heap.Step(1 + dict.size()));
  BANTAM_TRY(const Value* const found, dict.Find(*call.Given(0)));
  if (found == nullptr) {
    if (call.Given(1) != nullptr) return *call.Given(1);
    return Err(ErrorCode::kInvalidArgument, "the dict has no such key");
  }
  Value taken = *found;
  BANTAM_RETURN_IF_ERROR(dict.Erase(*call.Given(0)));
  return taken;
}

Result<Value> Update(Call& call) {
  Dict& dict = *std::get<Dict*>(call.self);
  for (const Value& each : call.positional) {
    const auto* other = If<Dict*>(each);
    if (other == nullptr) return Err(ErrorCode::kInvalidArgument, "needs a dict, not {}", TypeName(each));
    const std::vector<Dict::Entry> entries = (*other)->entries();
    for (const Dict::Entry& entry : entries) {
      BANTAM_RETURN_IF_ERROR(call.heap.Step());
      BANTAM_RETURN_IF_ERROR(call.heap.Set(dict, entry.key, entry.value));
    }
  }
  for (const NamedValue& each : call.named) {
    BANTAM_TRY(const Value key, each.Key(call.heap));
    BANTAM_RETURN_IF_ERROR(call.heap.Set(dict, key, each.value));
  }
  return Value(None{});
}

Result<Value> SetDefault(Call& call) {
  Dict& dict = *std::get<Dict*>(call.self);
  BANTAM_TRY(const Value* const found, dict.Find(*call.Given(0)));
  if (found != nullptr) return *found;
  Value value = call.Given(1) != nullptr ? *call.Given(1) : Value(None{});
  BANTAM_RETURN_IF_ERROR(call.heap.Set(dict, *call.Given(0), value));
  return value;
}

Result<Value> CopyDict(Call& call) {
  BANTAM_TRY(Dict* const copy, call.heap.NewDict());
  for (const Dict::Entry& entry : std::get<Dict*>(call.self)->entries()) {
    BANTAM_RETURN_IF_ERROR(call.heap.Step());
    BANTAM_RETURN_IF_ERROR(call.heap.Set(*copy, entry.key, entry.value));
  }
  return Value(copy);
}

Result<Value> Cycle(Call& call) {
  if (call.positional.empty()) return Err(ErrorCode::kInvalidArgument, "needs values to go through");
  return call.positional[std::get<Loop*>(call.self)->index % call.positional.size()];
}

Result<Value> HasChanged(Call& call) {
  std::vector<Value>& before = std::get<Loop*>(call.self)->changed;
  bool same = before.size() == call.positional.size() && !before.empty();
  for (size_t i = 0; same && i < before.size(); ++i) {
    BANTAM_TRY(same, AreEqual(call.heap, before[i], call.positional[i]));
  }
  before.assign(call.positional.begin(), call.positional.end());
  return Value(!same);
}

}  // namespace

std::span<const Callable> TextMethods() {
  static constexpr Callable kTable[] = {
      {"capitalize", Changed<Capitalize>},
      {"count", Count, {"sub"}, 1},
      {"endswith", StartsOrEnds<false>, {"suffix"}, 1},
      {"find", Find, {"sub"}, 1},
      {"format", FormatText, {}, 0, true},
      {"islower", Holds<IsLower>},
      {"isupper", Holds<IsUpper>},
      {"join", JoinItems, {"iterable"}, 1},
      {"lower", Changed<Lower>},
      {"lstrip", Strip<true, false>, {"chars"}},
      {"partition", Partition<false>, {"sep"}, 1},
      {"removeprefix", RemoveAffix<true>, {"prefix"}, 1},
      {"removesuffix", RemoveAffix<false>, {"suffix"}, 1},
      {"replace", Replace, {"old", "new", "count"}, 2},
      {"rpartition", Partition<true>, {"sep"}, 1},
      {"rsplit", Split<true>, {"sep", "maxsplit"}},
      {"rstrip", Strip<false, true>, {"chars"}},
      {"split", Split<false>, {"sep", "maxsplit"}},
      {"splitlines", SplitLines, {"keepends"}},
      {"startswith", StartsOrEnds<true>, {"prefix"}, 1},
      {"strip", Strip<true, true>, {"chars"}},
      {"title", Changed<Title>},
      {"upper", Changed<Upper>},
  };
  return kTable;
}

std::span<const Callable> ListMethods() {
  static constexpr Callable kTable[] = {
      {"append", Append, {"object"}, 1},
      {"count", CountItems, {"value"}, 1},
      {"extend", Extend, {"iterable"}, 1},
      {"index", IndexOf, {"value"}, 1},
      {"insert", Insert, {"index", "object"}, 2},
      {"pop", Pop, {"index"}},
      {"reverse", ReverseItems},
  };
  return kTable;
}

std::span<const Callable> DictMethods() {
  static constexpr Callable kTable[] = {
      {"copy", CopyDict},
      {"get", Get, {"key", "default"}, 1},
      {"items", Entries<ListKind::kItems>},
      {"keys", Entries<ListKind::kKeys>},
      {"pop", PopKey, {"key", "default"}, 1},
      {"setdefault", SetDefault, {"key", "default"}, 1},
      {"update", Update, {}, 0, true},
      {"values", Entries<ListKind::kValues>},
  };
  return kTable;
}

std::span<const Callable> LoopMethods() {
  static constexpr Callable kTable[] = {
      {"changed", HasChanged, {}, 0, true},
      {"cycle", Cycle, {}, 0, true},
  };
  return kTable;
}

}  // namespace bantam::jinja
