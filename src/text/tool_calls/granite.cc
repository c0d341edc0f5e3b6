// Granite 3: <|tool_call|> and a list.
#include "text/tool_calls/formats.h"
#include "text/tool_calls/json_format.h"

namespace bantam::tools {
namespace {

class Granite final : public JsonFormat {
 public:
  Granite() : JsonFormat({.name = "granite", .opening = "<|tool_call|>", .list = true}) {}
  bool Matches(const ToolModel& model) const override {
    return Holds(model, "<|start_of_role|>") && Holds(model, "<|tool_call|>");
  }
};

}  // namespace

const ToolFormat& GraniteFormat() {
  static const Granite format;
  return format;
}

}  // namespace bantam::tools
