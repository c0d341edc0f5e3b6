#include "text/jinja/value.h"

#include <fmt/format.h>

#include <cmath>

namespace bantam::jinja {
namespace {

// Numbers that are equal are spelled alike. `depth`: of tuples in tuples.
Result<std::string> SpellKey(const Value& key, int depth) {
  if (const MarkedText* text = IfText(key)) return fmt::format("s{}:{}", text->size(), text->view());
  if (const double* number = If<double>(key)) {
    // As an integer where it is one.
    if (std::abs(*number) < 1e36 && std::trunc(*number) == *number) return FormatInt(static_cast<Int>(*number));
    return FormatFloat(*number);
  }
  if (IsNumber(key)) return FormatInt(ToInt(key));
  if (Is<None>(key)) return std::string("None");
  if (Is<Undefined>(key)) return std::string("undefined");
  if (const auto* list = If<List*>(key); list != nullptr && (*list)->kind == ListKind::kTuple && depth < 8) {
    std::string out = "(";
    for (const Value& item : (*list)->items) {
      BANTAM_TRY(const std::string one, SpellKey(item, depth + 1));
      out += one + ",";
    }
    return out + ")";
  }
  return Err(ErrorCode::kInvalidArgument, "a value of type {} cannot be a key of a dict", TypeName(key));
}

}  // namespace

const Value* Dict::Find(std::string_view key) const {
  const auto found = by_text_.find(key);
  return found == by_text_.end() ? nullptr : &entries_[found->second].value;
}

Result<const Value*> Dict::Find(const Value& key) const {
  if (const MarkedText* text = IfText(key)) return Find(text->view());
  BANTAM_TRY(const std::string spelled, SpellKey(key, 0));
  const auto found = by_other_.find(spelled);
  return found == by_other_.end() ? nullptr : &entries_[found->second].value;
}

void Dict::Set(const TextRef& key, Value value) {
  const auto [place, is_new] = by_text_.emplace(std::string(key->view()), entries_.size());
  if (is_new) {
    entries_.push_back({key, std::move(value)});
  } else {
    entries_[place->second].value = std::move(value);
  }
}

Status Dict::Set(const Value& key, Value value) {
  if (const TextRef* text = If<TextRef>(key)) return Set(*text, std::move(value)), Ok();
  BANTAM_TRY(std::string spelled, SpellKey(key, 0));
  const auto [place, is_new] = by_other_.emplace(std::move(spelled), entries_.size());
  if (is_new) {
    entries_.push_back({key, std::move(value)});
  } else {
    entries_[place->second].value = std::move(value);
  }
  return Ok();
}

Result<bool> Dict::Erase(const Value& key) {
  const MarkedText* text = IfText(key);
  BANTAM_TRY(const std::string spelled, text != nullptr ? std::string(text->view()) : SpellKey(key, 0));
  auto& index = text != nullptr ? by_text_ : by_other_;
  const auto found = index.find(spelled);
  if (found == index.end()) return false;
  const size_t place = found->second;
  index.erase(found);
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(place));
  for (auto* each : {&by_text_, &by_other_}) {
    for (auto& [name, at] : *each) at -= at > place ? 1 : 0;
  }
  return true;
}

const Value* Scope::Find(uint32_t name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
    for (const auto& [id, value] : scope->variables) {
      if (id == name) return &value;
    }
  }
  return nullptr;
}

void Scope::Set(uint32_t name, Value value) {
  for (auto& [id, old] : variables) {
    if (id == name) {
      old = std::move(value);
      return;
    }
  }
  variables.emplace_back(name, std::move(value));
}

std::string_view TypeName(const Value& value) {
  struct Name {
    std::string_view operator()(const Undefined&) const { return "undefined"; }
    std::string_view operator()(const None&) const { return "NoneType"; }
    std::string_view operator()(bool) const { return "bool"; }
    std::string_view operator()(Int) const { return "int"; }
    std::string_view operator()(double) const { return "float"; }
    std::string_view operator()(const TextRef&) const { return "str"; }
    std::string_view operator()(const List* list) const {
      static constexpr std::string_view kNames[] = {"list",       "tuple", "dict_keys", "dict_values",
                                                    "dict_items", "range", "generator"};
      return kNames[static_cast<size_t>(list->kind)];
    }
    std::string_view operator()(const Dict*) const { return "dict"; }
    std::string_view operator()(const Namespace*) const { return "namespace"; }
    std::string_view operator()(const Macro*) const { return "macro"; }
    std::string_view operator()(const BoundMethod*) const { return "method"; }
    std::string_view operator()(const Callable*) const { return "function"; }
    std::string_view operator()(const Loop*) const { return "loop"; }
  };
  return std::visit(Name(), value);
}

bool IsTrue(const Value& value) {
  struct Truth {
    bool operator()(const Undefined&) const { return false; }
    bool operator()(const None&) const { return false; }
    bool operator()(bool b) const { return b; }
    bool operator()(Int i) const { return i != 0; }
    bool operator()(double d) const { return d != 0; }
    bool operator()(const TextRef& text) const { return !text->empty(); }
    bool operator()(const List* list) const { return list->kind == ListKind::kGenerator || !list->items.empty(); }
    bool operator()(const Dict* dict) const { return dict->size() > 0; }
    bool operator()(const void*) const { return true; }
  };
  return std::visit(Truth(), value);
}

double ToDouble(const Value& number) {
  const double* d = If<double>(number);
  return d != nullptr ? *d : static_cast<double>(ToInt(number));
}

Int ToInt(const Value& integer) {
  const bool* b = If<bool>(integer);
  return b != nullptr ? Int{*b ? 1 : 0} : std::get<Int>(integer);
}

}  // namespace bantam::jinja
