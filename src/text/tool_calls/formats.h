// One function for each format, in a file of its name.
#pragma once

#include "text/tool_calls/tool_format.h"

namespace bantam::tools {

const ToolFormat& GemmaFormat();
const ToolFormat& GenericFormat();
const ToolFormat& GraniteFormat();
const ToolFormat& HermesFormat();
const ToolFormat& Lfm2Format();
const ToolFormat& LlamaFormat();
const ToolFormat& MistralFormat();
const ToolFormat& MistralNamedFormat();
const ToolFormat& Phi4MiniFormat();
const ToolFormat& SmolLm2Format();

inline bool Holds(const ToolModel& model, std::string_view text) {
  return model.template_source.find(text) != std::string_view::npos;
}

}  // namespace bantam::tools
