// Phi-4-mini: a list between <|tool_call|> and <|/tool_call|>; functions stand within <|tool|> in the system message.
#include "text/tool_calls/formats.h"
#include "text/tool_calls/json_format.h"

namespace bantam::tools {
namespace {

class Phi4Mini final : public JsonFormat {
 public:
  Phi4Mini()
      : JsonFormat({.name = "phi4_mini", .opening = "<|tool_call|>", .closing = "<|/tool_call|>", .list = true}) {}
  bool Matches(const ToolModel& model) const override { return Holds(model, "<|tool|>") && Holds(model, "<|/tool|>"); }
};

}  // namespace

const ToolFormat& Phi4MiniFormat() {
  static const Phi4Mini format;
  return format;
}

}  // namespace bantam::tools
