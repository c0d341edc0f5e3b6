// Items, attributes, slices and lengths.
#include "text/jinja/callables.h"
#include "text/jinja/operations.h"
#include "text/unicode.h"

namespace bantam::jinja {
namespace {

// The byte where the character with that number begins, or the end.
size_t ByteOfCharacter(std::string_view text, size_t character) {
  size_t at = 0;
  for (; character > 0 && at < text.size(); --character) at += text::DecodeUtf8(text.data() + at).length;
  return at;
}

// An index from either end, within [0, size), or size where there is none.
size_t IndexOf(const Value& key, size_t size) {
  int64_t index = ClampToInt64(ToInt(key));
  if (index < 0) index += static_cast<int64_t>(size);
  return index < 0 || index >= static_cast<int64_t>(size) ? size : static_cast<size_t>(index);
}

struct SliceIndices {
  int64_t begin = 0, end = 0, step = 1;
};

// As Python's slice.indices().
Result<SliceIndices> IndicesOf(const Value& begin, const Value& end, const Value& step, size_t size) {
  const auto length = static_cast<int64_t>(size);
  for (const Value* each : {&begin, &end, &step}) {
    if (!Is<None>(*each) && !Is<Int>(*each) && !Is<bool>(*each)) {
      return Err(ErrorCode::kInvalidArgument, "a slice's bounds must be integers or none, not {}", TypeName(*each));
    }
  }
  SliceIndices out;
  if (!Is<None>(step)) out.step = ClampToInt64(ToInt(step));
  if (out.step == 0) return Err(ErrorCode::kInvalidArgument, "a slice's step must not be 0");
  const bool down = out.step < 0;
  const auto clamp = [&](const Value& value, int64_t other) {
    if (Is<None>(value)) return other;
    int64_t at = ClampToInt64(ToInt(value));
    if (at < 0) at += length;
    return down ? std::clamp<int64_t>(at, -1, length - 1) : std::clamp<int64_t>(at, 0, length);
  };
  out.begin = clamp(begin, down ? length - 1 : 0);
  out.end = clamp(end, down ? -1 : length);
  return out;
}

Value LoopAttribute(Loop& loop, std::string_view name) {
  if (loop.items == nullptr) return Undefined{};  // kept beyond its end
  const std::vector<Value>& items = *loop.items;
  const size_t count = items.size(), index = loop.index;
  if (name == "index") return FromSize(index + 1);
  if (name == "index0") return FromSize(index);
  if (name == "revindex") return FromSize(count - index);
  if (name == "revindex0") return FromSize(count - index - 1);
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == count;
  if (name == "length") return FromSize(count);
  if (name == "depth") return FromSize(loop.depth + 1);
  if (name == "depth0") return FromSize(loop.depth);
  if (name == "previtem") return index > 0 ? items[index - 1] : Value(Undefined{"loop.previtem"});
  if (name == "nextitem") return index + 1 < count ? items[index + 1] : Value(Undefined{"loop.nextitem"});
  return Undefined{};
}

// What an object has beside its items: its methods and, of some, fields. Undefined if nothing.
Result<Value> Member(Heap& heap, const Value& value, std::string_view name) {
  if (const auto* names = If<Namespace*>(value)) {
    const Value* found = (*names)->attributes.Find(name);
    return found != nullptr ? *found : Value(Undefined{});
  }
  if (const auto* loop = If<Loop*>(value)) {
    const Value field = LoopAttribute(**loop, name);
    if (!Is<Undefined>(field)) return field;
  }
  if (const auto* macro = If<const Macro*>(value); macro != nullptr && name == "name") {
    return heap.Text((*macro)->node->name);
  }
  if (const Callable* method = FindMethod(value, name)) {
    BANTAM_TRY(BoundMethod* const bound, heap.Bind(value, method));
    return Value(bound);
  }
  return Value(Undefined{});
}

}  // namespace

Result<Value> Attribute(Heap& heap, const Value& value, std::string_view name) {
  if (const auto* undefined = If<Undefined>(value)) return UndefinedError(*undefined);
  BANTAM_TRY(Value member, Member(heap, value, name));
  if (!Is<Undefined>(member)) return member;
  if (const auto* dict = If<Dict*>(value)) {
    const Value* found = (*dict)->Find(name);
    if (found != nullptr) return *found;
  }
  return Value(Undefined{name});
}

Result<Value> Item(Heap& heap, const Value& value, const Value& key, std::string_view name_for_errors) {
  if (const auto* undefined = If<Undefined>(value)) return UndefinedError(*undefined);
  if (const auto* dict = If<Dict*>(value)) {
    const Result<const Value*> found = (*dict)->Find(key);
    if (found && *found != nullptr) return **found;
  }
  if (Is<Int>(key) || Is<bool>(key)) {
    if (const auto* list = If<List*>(value)) {
      const size_t index = IndexOf(key, (*list)->items.size());
      if (index < (*list)->items.size()) return (*list)->items[index];
    }
    if (const MarkedText* text = IfText(value)) {
      BANTAM_RETURN_IF_ERROR(heap.StepForBytes(text->size()));
      const size_t count = text::CountCodePoints(text->view());
      const size_t index = IndexOf(key, count);
      if (index < count) {
        const size_t begin = ByteOfCharacter(text->view(), index);
        return heap.Text(text->Slice(begin, begin + text::DecodeUtf8(text->view().data() + begin).length));
      }
    }
  }
  if (const MarkedText* name = IfText(key)) {
    BANTAM_TRY(Value member, Member(heap, value, name->view()));
    if (!Is<Undefined>(member)) return member;
  }
  return Value(Undefined{name_for_errors});
}

Result<Value> Slice(Heap& heap, const Value& value, const Value& begin, const Value& end, const Value& step) {
  if (const auto* list = If<List*>(value)) {
    const std::vector<Value>& items = (*list)->items;
    BANTAM_TRY(const SliceIndices at, IndicesOf(begin, end, step, items.size()));
    std::vector<Value> out;
    for (int64_t i = at.begin; at.step > 0 ? i < at.end : i > at.end; i += at.step) {
      out.push_back(items[static_cast<size_t>(i)]);
    }
    BANTAM_TRY(List* const slice, heap.NewList((*list)->kind, std::move(out)));
    return Value(slice);
  }
  if (const MarkedText* text = IfText(value)) {
    const std::string_view bytes = text->view();
    BANTAM_RETURN_IF_ERROR(heap.StepForBytes(bytes.size()));
    BANTAM_TRY(const SliceIndices at, IndicesOf(begin, end, step, text::CountCodePoints(bytes)));
    if (at.step == 1) {
      if (at.begin >= at.end) return heap.Text("");
      const size_t first = ByteOfCharacter(bytes, static_cast<size_t>(at.begin));
      const size_t last = first + ByteOfCharacter(bytes.substr(first), static_cast<size_t>(at.end - at.begin));
      return heap.Text(text->Slice(first, last));
    }
    std::vector<size_t> starts;
    for (size_t i = 0; i < bytes.size(); i += text::DecodeUtf8(bytes.data() + i).length) starts.push_back(i);
    MarkedText out;
    for (int64_t i = at.begin; at.step > 0 ? i < at.end : i > at.end; i += at.step) {
      const size_t first = starts[static_cast<size_t>(i)];
      out.Append(*text, first, first + text::DecodeUtf8(bytes.data() + first).length);
    }
    return heap.Text(std::move(out));
  }
  if (const auto* undefined = If<Undefined>(value)) return UndefinedError(*undefined);
  return Err(ErrorCode::kInvalidArgument, "a value of type {} has no slices", TypeName(value));
}

Result<std::vector<Value>> Items(Heap& heap, const Value& value) {
  std::vector<Value> out;
  if (const auto* list = If<List*>(value)) {
    BANTAM_RETURN_IF_ERROR(heap.Step(1 + (*list)->items.size() / 4));
    return (*list)->items;
  }
  if (const auto* dict = If<Dict*>(value)) {
    BANTAM_RETURN_IF_ERROR(heap.Step(1 + (*dict)->size() / 4));
    for (const Dict::Entry& entry : (*dict)->entries()) out.push_back(entry.key);
    return out;
  }
  if (const MarkedText* text = IfText(value)) {
    for (size_t at = 0; at < text->size();) {
      const size_t length = text::DecodeUtf8(text->view().data() + at).length;
      BANTAM_TRY(Value one, heap.Text(text->Slice(at, at + length)));
      out.push_back(std::move(one));
      at += length;
    }
    return out;
  }
  if (Is<Undefined>(value)) return out;
  return Err(ErrorCode::kInvalidArgument, "a value of type {} cannot be gone through", TypeName(value));
}

Result<size_t> Length(const Value& value) {
  if (const auto* list = If<List*>(value)) return (*list)->items.size();
  if (const auto* dict = If<Dict*>(value)) return (*dict)->size();
  if (const MarkedText* text = IfText(value)) return text::CountCodePoints(text->view());
  if (Is<Undefined>(value)) return size_t{0};
  return Err(ErrorCode::kInvalidArgument, "a value of type {} has no length", TypeName(value));
}

}  // namespace bantam::jinja
