// Gemma 2 and 3, whose templates know no functions: as its makers' guide has it, the whole text is one JSON object,
// which the models like to put into a fence.
#include "text/tool_calls/formats.h"
#include "text/tool_calls/json_format.h"

namespace bantam::tools {
namespace {

class Gemma final : public JsonFormat {
 public:
  Gemma()
      : JsonFormat({.name = "gemma", .arguments_key = "parameters", .in_template = false, .fences = {"```json\n"}}) {}
  bool Matches(const ToolModel& model) const override { return Holds(model, "<start_of_turn>"); }
};

}  // namespace

const ToolFormat& GemmaFormat() {
  static const Gemma format;
  return format;
}

}  // namespace bantam::tools
