#include "text/jinja/heap.h"

#include "base/text_util.h"

namespace bantam::jinja {
namespace {

// Beside its bytes: the string, its control block, its marks.
constexpr uint64_t kTextBytes = 128;
// An entry with its key in the index.
constexpr uint64_t kEntryBytes = 192;

}  // namespace

Error Heap::OutOfSteps() const {
  return Err(ErrorCode::kTooLarge,
             "the template takes more than {} steps, the limit; shorten the conversation, or mend the template if it "
             "loops",
             limits_.max_steps);
}

Error Heap::OutOfMemory() const {
  return Err(ErrorCode::kTooLarge, "the template needs more than {} of memory, the limit; shorten the conversation",
             HumanBytes(limits_.max_memory_bytes));
}

Status Heap::Room(uint64_t bytes) const {
  if (*used_ > limits_.max_memory_bytes || bytes > limits_.max_memory_bytes - *used_) return OutOfMemory();
  return Ok();
}

Status Heap::TakeMemory(uint64_t bytes) {
  BANTAM_RETURN_IF_ERROR(Room(bytes));
  *used_ += bytes;
  return Ok();
}

Result<Value> Heap::Text(MarkedText text) {
  BANTAM_RETURN_IF_ERROR(StepForBytes(text.size()));
  const uint64_t bytes = kTextBytes + text.size() + text.content().size() * sizeof(MarkedText::Range);
  BANTAM_RETURN_IF_ERROR(TakeMemory(bytes));
  const auto give_back = [used = used_, bytes](const MarkedText* gone) {
    *used -= bytes;
    delete gone;
  };
  return Value(TextRef(new MarkedText(std::move(text)), give_back));
}

Result<List*> Heap::NewList(ListKind kind, std::vector<Value> items) {
  BANTAM_RETURN_IF_ERROR(Step(1 + items.size() / 4));
  BANTAM_RETURN_IF_ERROR(TakeMemory(sizeof(List) + items.size() * sizeof(Value)));
  lists_.push_back({kind, std::move(items)});
  return &lists_.back();
}

Result<Dict*> Heap::NewDict() {
  BANTAM_RETURN_IF_ERROR(TakeMemory(sizeof(Dict)));
  return &dicts_.emplace_back();
}

Result<Namespace*> Heap::NewNamespace() {
  BANTAM_RETURN_IF_ERROR(TakeMemory(sizeof(Namespace)));
  return &namespaces_.emplace_back();
}

Status Heap::Push(List& list, Value item) {
  BANTAM_RETURN_IF_ERROR(TakeMemory(2 * sizeof(Value)));  // a vector that grows holds up to twice what it needs
  list.items.push_back(std::move(item));
  return Ok();
}

Status Heap::Set(Dict& dict, const Value& key, Value value) {
  const MarkedText* text = IfText(key);
  BANTAM_RETURN_IF_ERROR(TakeMemory(kEntryBytes + (text == nullptr ? 0 : text->size())));
  return dict.Set(key, std::move(value));
}

Result<BoundMethod*> Heap::Bind(const Value& self, const Callable* method) {
  BANTAM_RETURN_IF_ERROR(TakeMemory(sizeof(BoundMethod)));
  methods_.push_back({self, method});
  return &methods_.back();
}

Result<const Macro*> Heap::NewMacro(const MacroNode* node, Scope* scope) {
  BANTAM_RETURN_IF_ERROR(TakeMemory(sizeof(Macro)));
  for (Scope* each = scope; each != nullptr && !each->captured; each = each->outer) each->captured = true;
  macros_.push_back({node, scope});
  return &macros_.back();
}

Result<Loop*> Heap::NewLoop() {
  BANTAM_RETURN_IF_ERROR(TakeMemory(sizeof(Loop)));
  return &loops_.emplace_back();
}

Result<Scope*> Heap::NewScope(Scope* outer) {
  Scope* scope = nullptr;
  if (free_scopes_.empty()) {
    BANTAM_RETURN_IF_ERROR(TakeMemory(sizeof(Scope) + 8 * sizeof(Value)));
    scope = &scopes_.emplace_back();
  } else {
    scope = free_scopes_.back();
    free_scopes_.pop_back();
  }
  scope->outer = outer;
  return scope;
}

void Heap::Leave(Scope* scope) {
  if (scope->captured) return;
  scope->variables.clear();
  free_scopes_.push_back(scope);
}

}  // namespace bantam::jinja
