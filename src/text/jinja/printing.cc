// Values as text: str(), repr() and JSON.
#include "text/jinja/ast.h"
#include "text/jinja/callables.h"
#include "text/jinja/operations.h"

namespace bantam::jinja {
namespace {

Error TooDeep() {
  return Err(ErrorCode::kTooLarge, "a list or dict is nested deeper than {} levels, the limit", kMaxValueDepth);
}

// While something is printed that may hold the same text many times.
Status CheckGrowth(Heap& heap, const MarkedText& out) {
  BANTAM_RETURN_IF_ERROR(heap.Step());
  return heap.Room(out.size());
}

Status AppendReprOfList(Heap& heap, const List& list, MarkedText& out, int depth) {
  const bool is_tuple = list.kind == ListKind::kTuple;
  if (list.kind == ListKind::kKeys) out.Append("dict_keys(");
  if (list.kind == ListKind::kValues) out.Append("dict_values(");
  if (list.kind == ListKind::kItems) out.Append("dict_items(");
  out.Append(is_tuple ? "(" : "[");
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out.Append(", ");
    BANTAM_RETURN_IF_ERROR(AppendReprOf(heap, list.items[i], out, depth + 1));
  }
  out.Append(is_tuple ? (list.items.size() == 1 ? ",)" : ")") : "]");
  if (list.kind == ListKind::kKeys || list.kind == ListKind::kValues || list.kind == ListKind::kItems) out.Append(")");
  return Ok();
}

Status AppendReprOfDict(Heap& heap, const Dict& dict, MarkedText& out, int depth) {
  out.Append("{");
  for (size_t i = 0; i < dict.size(); ++i) {
    if (i > 0) out.Append(", ");
    BANTAM_RETURN_IF_ERROR(AppendReprOf(heap, dict.entries()[i].key, out, depth + 1));
    out.Append(": ");
    BANTAM_RETURN_IF_ERROR(AppendReprOf(heap, dict.entries()[i].value, out, depth + 1));
  }
  out.Append("}");
  return Ok();
}

// What has no parts and is no text.
std::string Spell(const Value& value) {
  if (Is<Undefined>(value)) return "";
  if (Is<None>(value)) return "None";
  if (const bool* b = If<bool>(value)) return *b ? "True" : "False";
  if (const Int* i = If<Int>(value)) return FormatInt(*i);
  if (const double* d = If<double>(value)) return FormatFloat(*d);
  if (const auto* macro = If<const Macro*>(value)) return "<Macro '" + std::string((*macro)->node->name) + "'>";
  if (const auto* function = If<const Callable*>(value)) return "<function " + std::string((*function)->name) + ">";
  if (const auto* method = If<BoundMethod*>(value)) {
    return "<built-in method " + std::string((*method)->method->name) + ">";
  }
  return "<" + std::string(TypeName(value)) + ">";
}

class JsonWriter {
 public:
  JsonWriter(Heap& heap, const JsonStyle& style, MarkedText& out) : heap_(heap), style_(style), out_(out) {}

  Status Begin() {
    if (style_.indent == nullptr || Is<None>(*style_.indent)) {
      items_ = ", ";
    } else {
      multi_line_ = true;
      items_ = ",";
      if (const MarkedText* text = IfText(*style_.indent)) {
        indent_ = text->view();
      } else if (Is<Int>(*style_.indent) || Is<bool>(*style_.indent)) {
        const int64_t width = std::max<int64_t>(ClampToInt64(ToInt(*style_.indent)), 0);
        if (width > 1000) return Err(ErrorCode::kTooLarge, "tojson: an indent of {} is above the limit, 1000", width);
        indent_ = std::string(static_cast<size_t>(width), ' ');
      } else {
        return Err(ErrorCode::kInvalidArgument, "tojson: indent must be an integer or a string, not {}",
                   TypeName(*style_.indent));
      }
    }
    if (style_.item_separator != nullptr) items_ = style_.item_separator->view();
    if (style_.key_separator != nullptr) keys_ = style_.key_separator->view();
    return Ok();
  }

  Status Append(const Value& value, int depth) {
    if (depth > kMaxValueDepth) return TooDeep();
    BANTAM_RETURN_IF_ERROR(CheckGrowth(heap_, out_));
    if (const MarkedText* text = IfText(value)) return AppendText(*text);
    if (const auto* list = If<List*>(value)) {
      if ((*list)->kind == ListKind::kList || (*list)->kind == ListKind::kTuple) return AppendList(**list, depth);
    } else if (const auto* dict = If<Dict*>(value)) {
      return AppendDict(**dict, depth);
    } else if (Is<None>(value)) {
      return out_.Append("null"), Ok();
    } else if (const bool* b = If<bool>(value)) {
      return out_.Append(*b ? "true" : "false"), Ok();
    } else if (const double* d = If<double>(value)) {
      return out_.Append(Number(*d)), Ok();
    } else if (const Int* i = If<Int>(value)) {
      return out_.Append(FormatInt(*i)), Ok();
    }
    if (const auto* undefined = If<Undefined>(value); undefined != nullptr && !undefined->name.empty()) {
      return Err(ErrorCode::kInvalidArgument, "tojson: \"{}\" is undefined, which JSON has no word for",
                 undefined->name);
    }
    return Err(ErrorCode::kInvalidArgument, "tojson: a value of type {} has no form in JSON", TypeName(value));
  }

 private:
  static std::string Number(double number) {
    std::string text = FormatFloat(number);
    if (text == "nan") return "NaN";
    if (text == "inf") return "Infinity";
    return text == "-inf" ? "-Infinity" : text;
  }

  Status AppendText(const MarkedText& text) {
    BANTAM_RETURN_IF_ERROR(heap_.StepForBytes(text.size()));
    AppendJsonString(text, style_.ensure_ascii, out_);
    return Ok();
  }

  void Break(int depth) {
    if (!multi_line_) return;
    out_.Append("\n");
    for (int i = 0; i < depth; ++i) out_.Append(indent_);
  }

  Status AppendList(const List& list, int depth) {
    if (list.items.empty()) return out_.Append("[]"), Ok();
    out_.Append("[");
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) out_.Append(items_);
      Break(depth + 1);
      BANTAM_RETURN_IF_ERROR(Append(list.items[i], depth + 1));
    }
    Break(depth);
    out_.Append("]");
    return Ok();
  }

  Status AppendKey(const Value& key) {
    if (const MarkedText* text = IfText(key)) return AppendText(*text);
    MarkedText spelled;
    if (Is<None>(key)) {
      spelled.Append("null");
    } else if (const bool* b = If<bool>(key)) {
      spelled.Append(*b ? "true" : "false");
    } else if (const double* d = If<double>(key)) {
      spelled.Append(Number(*d));
    } else if (const Int* i = If<Int>(key)) {
      spelled.Append(FormatInt(*i));
    } else {
      return Err(ErrorCode::kInvalidArgument, "tojson: a key of type {} has no form in JSON", TypeName(key));
    }
    return AppendText(spelled);
  }

  Status AppendDict(const Dict& dict, int depth) {
    if (dict.size() == 0) return out_.Append("{}"), Ok();
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) BANTAM_RETURN_IF_ERROR(Sort(entries));
    out_.Append("{");
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) out_.Append(items_);
      Break(depth + 1);
      BANTAM_RETURN_IF_ERROR(AppendKey(entries[i]->key));
      out_.Append(keys_);
      BANTAM_RETURN_IF_ERROR(Append(entries[i]->value, depth + 1));
    }
    Break(depth);
    out_.Append("}");
    return Ok();
  }

  Status Sort(std::vector<const Dict::Entry*>& entries) {
    Status failed = Ok();
    std::stable_sort(entries.begin(), entries.end(), [&](const Dict::Entry* a, const Dict::Entry* b) {
      if (!failed) return false;
      const Result<bool> less = IsLess(heap_, a->key, b->key);
      if (!less) failed = less.error();
      return less && *less;
    });
    return failed;
  }

  Heap& heap_;
  const JsonStyle& style_;
  MarkedText& out_;
  bool multi_line_ = false;
  std::string indent_, items_, keys_ = ": ";
};

}  // namespace

Status AppendReprOf(Heap& heap, const Value& value, MarkedText& out, int depth) {
  if (depth > kMaxValueDepth) return TooDeep();
  BANTAM_RETURN_IF_ERROR(CheckGrowth(heap, out));
  if (const MarkedText* text = IfText(value)) {
    BANTAM_RETURN_IF_ERROR(heap.StepForBytes(text->size()));
    if (text->is_markup) out.Append("Markup(");
    AppendRepr(*text, out);
    if (text->is_markup) out.Append(")");
    return Ok();
  }
  if (const auto* list = If<List*>(value)) return AppendReprOfList(heap, **list, out, depth);
  if (const auto* dict = If<Dict*>(value)) return AppendReprOfDict(heap, **dict, out, depth);
  if (const auto* names = If<Namespace*>(value)) {
    out.Append("<Namespace ");
    BANTAM_RETURN_IF_ERROR(AppendReprOfDict(heap, (*names)->attributes, out, depth + 1));
    out.Append(">");
    return Ok();
  }
  out.Append(Is<Undefined>(value) ? "Undefined" : Spell(value));
  return Ok();
}

Status AppendPrinted(Heap& heap, const Value& value, MarkedText& out) {
  if (const MarkedText* text = IfText(value)) {
    BANTAM_RETURN_IF_ERROR(heap.StepForBytes(text->size()));
    BANTAM_RETURN_IF_ERROR(heap.Room(text->size()));
    out.Append(*text);
    return Ok();
  }
  if (Is<Undefined>(value)) return Ok();
  return AppendReprOf(heap, value, out);
}

Result<TextRef> ToText(Heap& heap, const Value& value) {
  if (const TextRef* text = If<TextRef>(value)) return *text;
  MarkedText out;
  BANTAM_RETURN_IF_ERROR(AppendPrinted(heap, value, out));
  BANTAM_TRY(const Value made, heap.Text(std::move(out)));
  return std::get<TextRef>(made);
}

Status AppendJson(Heap& heap, const Value& value, const JsonStyle& style, MarkedText& out) {
  JsonWriter writer(heap, style, out);
  BANTAM_RETURN_IF_ERROR(writer.Begin());
  return writer.Append(value, 0);
}

}  // namespace bantam::jinja
