#include "text/jinja/template.h"

#include "base/text_util.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"

namespace bantam::jinja {
namespace {

// JSON to values. Keys are marked as strings are.
class Importer {
 public:
  Importer(Heap& heap, bool is_content) : heap_(heap), is_content_(is_content) {}

  Result<Value> Import(const json::value& value, int depth = 0) {
    if (depth > kMaxValueDepth) {
      return Err(ErrorCode::kTooLarge, "a variable is nested deeper than {} levels, the limit", kMaxValueDepth);
    }
    BANTAM_RETURN_IF_ERROR(heap_.Step());
    switch (value.kind()) {
      case json::kind::null:
        return Value(None{});
      case json::kind::bool_:
        return Value(value.get_bool());
      case json::kind::int64:
        return Value(Int{value.get_int64()});
      case json::kind::uint64:
        return Value(Int{value.get_uint64()});
      case json::kind::double_:
        return Value(value.get_double());
      case json::kind::string:
        return Text(value.get_string());
      case json::kind::array: {
        std::vector<Value> items;
        for (const json::value& each : value.get_array()) {
          BANTAM_TRY(Value item, Import(each, depth + 1));
          items.push_back(std::move(item));
        }
        BANTAM_TRY(List* const list, heap_.NewList(ListKind::kList, std::move(items)));
        return Value(list);
      }
      case json::kind::object:
        break;
    }
    BANTAM_TRY(Dict* const dict, heap_.NewDict());
    for (const auto& [name, each] : value.get_object()) {
      BANTAM_TRY(Value item, Import(each, depth + 1));
      BANTAM_TRY(const Value key, Text(name));
      BANTAM_RETURN_IF_ERROR(heap_.Set(*dict, key, std::move(item)));
    }
    return Value(dict);
  }

 private:
  // A GGUF file's tokens may be any bytes, and a caller's values come from anywhere: all texts in here are well-formed.
  Result<Value> Text(std::string_view bytes) {
    std::string text = FirstInvalidUtf8(bytes) ? ReplaceInvalidUtf8(bytes) : std::string(bytes);
    return heap_.Text(MarkedText(std::move(text), is_content_));
  }

  Heap& heap_;
  bool is_content_;
};

}  // namespace

Result<Template> Template::Parse(std::string_view source, std::string name) {
  Template out;
  out.name_ = std::move(name);
  BANTAM_TRY(std::unique_ptr<const Ast> ast, jinja::Parse(source, out.name_));
  out.ast_ = std::move(ast);
  return out;
}

Result<MarkedText> Template::Render(std::span<const Variable> variables, const Limits& limits,
                                    const std::tm& now) const {
  Machine machine(limits, now);
  BANTAM_TRY(Scope* const globals, machine.heap.NewScope(nullptr));
  for (size_t i = 0; i < ast_->symbols.size(); ++i) {
    const std::string_view symbol = ast_->symbols[i];
    if (const Callable* function = FindFunction(symbol)) globals->Set(static_cast<uint32_t>(i), Value(function));
    for (const Variable& variable : variables) {  // what no name of the template asks for is not even read
      if (variable.name != symbol) continue;
      Result<Value> value = Importer(machine.heap, variable.is_content).Import(*variable.value);
      if (!value) return Err(value.error().code, "{}: {}: {}", name_, variable.name, value.error().message);
      globals->Set(static_cast<uint32_t>(i), *std::move(value));
    }
  }
  MarkedText out;
  BANTAM_RETURN_IF_ERROR(Interpreter(*ast_, name_, machine).Run(globals, out));
  return out;
}

}  // namespace bantam::jinja
