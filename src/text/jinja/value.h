// What a template computes with: Python's values, as far as templates use them. Strings are shared and go when the last
// user goes; everything that can hold something else lies in the render's Heap and goes with it, so that a list that
// holds itself is no leak.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "text/jinja/python_text.h"

namespace bantam::jinja {

class Heap;
struct List;
class Dict;
struct Namespace;
struct Macro;
struct BoundMethod;
struct Callable;
struct Loop;
struct MacroNode;
struct Scope;

// What was looked for and is not there. Prints as nothing; most other uses are errors that name it.
struct Undefined {
  std::string_view name;  // lies in the template; may be empty
};
struct None {};
using TextRef = std::shared_ptr<const MarkedText>;

using Value = std::variant<Undefined, None, bool, Int, double, TextRef, List*, Dict*, Namespace*, const Macro*,
                           BoundMethod*, const Callable*, Loop*>;

template <typename T>
const T* If(const Value& value) {
  return std::get_if<T>(&value);
}
template <typename T>
bool Is(const Value& value) {
  return std::holds_alternative<T>(value);
}
// The text of a string, else null.
inline const MarkedText* IfText(const Value& value) {
  const TextRef* text = If<TextRef>(value);
  return text == nullptr ? nullptr : text->get();
}
inline Value FromSize(size_t size) { return static_cast<Int>(size); }
// For what lives as long as the template; texts of a render are made by its Heap.
inline Value LiteralText(MarkedText text) { return std::make_shared<const MarkedText>(std::move(text)); }

// Lists, and what Python has in their place. They differ in what they print and in what may be done to them.
enum class ListKind : uint8_t { kList, kTuple, kKeys, kValues, kItems, kRange, kGenerator };
struct List {
  ListKind kind = ListKind::kList;
  std::vector<Value> items;
};

// In the order of insertion. Keys are equal as in Python: 1, 1.0 and true are one key.
class Dict {
 public:
  struct Entry {
    Value key, value;
  };
  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  const Value* Find(std::string_view key) const;
  // An error for a key that cannot be one (a list, a dict).
  Result<const Value*> Find(const Value& key) const;
  // The first key stays when an equal one comes.
  Status Set(const Value& key, Value value);
  void Set(const TextRef& key, Value value);
  Result<bool> Erase(const Value& key);

 private:
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> by_text_;
  std::map<std::string, size_t, std::less<>> by_other_;  // keys that are no strings, by a spelling of theirs
};

struct Namespace {
  Dict attributes;
};

struct Macro {
  const MacroNode* node = nullptr;
  Scope* scope = nullptr;  // where it was defined
};

struct BoundMethod {
  Value self;
  const Callable* method = nullptr;
};

struct Loop {
  const std::vector<Value>* items = nullptr;
  size_t index = 0;
  size_t depth = 0;
  const void* recursive = nullptr;  // its ForNode, where it may be called
  Scope* scope = nullptr;           // around the loop
  std::vector<Value> changed;       // what loop.changed() was last asked about
};

// Variables of one block. Names are numbers that the template's parser gave them.
struct Scope {
  Scope* outer = nullptr;
  bool captured = false;  // a macro refers to it
  std::vector<std::pair<uint32_t, Value>> variables;

  const Value* Find(uint32_t name) const;  // here or further out
  void Set(uint32_t name, Value value);    // here
};

std::string_view TypeName(const Value& value);  // Python's: "str", "int", "NoneType"
bool IsTrue(const Value& value);
inline bool IsNumber(const Value& value) { return Is<Int>(value) || Is<double>(value) || Is<bool>(value); }
// A bool counts as 0 or 1. Only for IsNumber, or not double.
double ToDouble(const Value& number);
Int ToInt(const Value& integer);

constexpr int kMaxValueDepth = 100;  // of lists in lists and the like, where they are printed or compared

}  // namespace bantam::jinja
