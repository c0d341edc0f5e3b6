// Models that were taught no format, or one that is not known here: as Hermes, and the prompt says so.
#include "text/tool_calls/formats.h"
#include "text/tool_calls/json_format.h"

namespace bantam::tools {
namespace {

class Generic final : public JsonFormat {
 public:
  Generic()
      : JsonFormat({.name = "generic",
                    .opening = "<tool_call>",
                    .closing = "</tool_call>",
                    .lines = true,
                    .in_template = false}) {}
  bool Matches(const ToolModel& model) const override {
    (void)model;
    return true;
  }
};

}  // namespace

const ToolFormat& GenericFormat() {
  static const Generic format;
  return format;
}

}  // namespace bantam::tools
