// Nous Hermes, Qwen2.5, Qwen3, SmolLM3, Granite 4: <tool_call>{...}</tool_call>, once for each call.
#include "text/tool_calls/formats.h"
#include "text/tool_calls/json_format.h"

namespace bantam::tools {
namespace {

class Hermes final : public JsonFormat {
 public:
  Hermes() : JsonFormat({.name = "hermes", .opening = "<tool_call>", .closing = "</tool_call>", .lines = true}) {}
  bool Matches(const ToolModel& model) const override {
    // Others write XML between the same markers, or the name alone.
    const bool json = Holds(model, "{\"name\"") || Holds(model, "{\\\"name\\\"") || Holds(model, "{'name'");
    return Holds(model, "<tool_call>") && json && !Holds(model, "<function=") && !Holds(model, "<arg_key>");
  }
};

}  // namespace

const ToolFormat& HermesFormat() {
  static const Hermes format;
  return format;
}

}  // namespace bantam::tools
