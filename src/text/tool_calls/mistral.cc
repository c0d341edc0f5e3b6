// Mistral 7B v0.3, Nemo and others of 2024: [TOOL_CALLS] and a list, whose calls have ids.
#include "text/tool_calls/formats.h"
#include "text/tool_calls/json_format.h"

namespace bantam::tools {
namespace {

class Mistral final : public JsonFormat {
 public:
  Mistral() : JsonFormat({.name = "mistral", .opening = "[TOOL_CALLS]", .list = true, .ids = true}) {}
  bool Matches(const ToolModel& model) const override { return Holds(model, "[TOOL_CALLS]"); }
};

}  // namespace

const ToolFormat& MistralFormat() {
  static const Mistral format;
  return format;
}

}  // namespace bantam::tools
