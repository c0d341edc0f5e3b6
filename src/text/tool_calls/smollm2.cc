// SmolLM2, whose template knows no functions: a list between <tool_call> and </tool_call>, as in the data that the 1.7B
// was taught with.
#include "text/tool_calls/formats.h"
#include "text/tool_calls/json_format.h"

namespace bantam::tools {
namespace {

class SmolLm2 final : public JsonFormat {
 public:
  SmolLm2()
      : JsonFormat({.name = "smollm2",
                    .opening = "<tool_call>",
                    .closing = "</tool_call>",
                    .list = true,
                    .in_template = false}) {}
  bool Matches(const ToolModel& model) const override {
    // SmolLM3, which thinks, calls as Hermes does.
    return Holds(model, "named SmolLM") && Holds(model, "<|im_start|>") && !Holds(model, "think");
  }
};

}  // namespace

const ToolFormat& SmolLm2Format() {
  static const SmolLm2 format;
  return format;
}

}  // namespace bantam::tools
