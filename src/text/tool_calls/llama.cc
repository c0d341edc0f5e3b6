// Llama 3.1, 3.2 and 3.3: the whole text is one JSON object, sometimes behind <|python_tag|>.
#include "text/tool_calls/formats.h"
#include "text/tool_calls/json_format.h"

namespace bantam::tools {
namespace {

class Llama final : public JsonFormat {
 public:
  Llama() : JsonFormat({.name = "llama", .arguments_key = "parameters", .fences = {"<|python_tag|>"}}) {}
  bool Matches(const ToolModel& model) const override {
    // Functionary and Firefunction are made of the same models and write calls otherwise.
    return Holds(model, "<|start_header_id|>") && Holds(model, "\"parameters\"") && !Holds(model, "<function=") &&
           !Holds(model, "functools");
  }
};

}  // namespace

const ToolFormat& LlamaFormat() {
  static const Llama format;
  return format;
}

}  // namespace bantam::tools
