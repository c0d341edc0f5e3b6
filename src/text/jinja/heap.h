// What one render may use, and what it has made: steps of work, bytes of memory, nothing else. Every list, dict and
// text of a render is made here and counted; the end of the Heap is the end of all of them but texts that others still
// hold.
#pragma once

#include <deque>
#include <memory>

#include "text/jinja/value.h"

namespace bantam::jinja {

struct Limits {
  // A step is one statement, one operation or 32 bytes of text that an operation reads or writes; about 0.1 us.
  uint64_t max_steps = 10'000'000;
  // Of calls in calls (macros) and expressions in expressions, together.
  int max_depth = 1'000;
  uint64_t max_output_bytes = uint64_t{32} << 20;
  uint64_t max_memory_bytes = uint64_t{256} << 20;
};

class Heap {
 public:
  explicit Heap(const Limits& limits) : limits_(limits), used_(std::make_shared<uint64_t>(0)) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  const Limits& limits() const { return limits_; }
  uint64_t steps() const { return steps_; }
  uint64_t used_bytes() const { return *used_; }

  Status Step(uint64_t steps = 1) {
    steps_ += steps;
    return steps_ <= limits_.max_steps ? Ok() : OutOfSteps();
  }
  // For work on that many bytes of text.
  Status StepForBytes(size_t bytes) { return Step(1 + bytes / 32); }

  // Whether that many bytes more are within the limit: before something large is made, and inside loops that make it.
  Status Room(uint64_t bytes) const;
  Status TakeMemory(uint64_t bytes);  // until the end of the render

  Result<Value> Text(MarkedText text);
  Result<Value> Text(std::string_view scaffolding) { return Text(MarkedText(std::string(scaffolding))); }
  // Containers count when they are made and for each item that is added by these functions.
  Result<List*> NewList(ListKind kind, std::vector<Value> items = {});
  Result<Dict*> NewDict();
  Result<Namespace*> NewNamespace();
  Status Push(List& list, Value item);
  Status Set(Dict& dict, const Value& key, Value value);
  Result<BoundMethod*> Bind(const Value& self, const Callable* method);
  Result<const Macro*> NewMacro(const MacroNode* node, Scope* scope);
  Result<Loop*> NewLoop();

  Result<Scope*> NewScope(Scope* outer);
  // At the end of its block. Kept where a macro refers to it.
  void Leave(Scope* scope);

 private:
  Error OutOfSteps() const;
  Error OutOfMemory() const;

  Limits limits_;
  uint64_t steps_ = 0;
  std::shared_ptr<uint64_t> used_;  // shared with the texts, which may outlive the heap
  std::deque<List> lists_;
  std::deque<Dict> dicts_;
  std::deque<Namespace> namespaces_;
  std::deque<Macro> macros_;
  std::deque<BoundMethod> methods_;
  std::deque<Loop> loops_;
  std::deque<Scope> scopes_;
  std::vector<Scope*> free_scopes_;
};

}  // namespace bantam::jinja
