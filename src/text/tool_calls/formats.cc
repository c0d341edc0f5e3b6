// The one list of formats.
#include "text/tool_calls/formats.h"

#include <array>

namespace bantam::tools {

// A template may look like several: the more particular come first. The last is for models that were taught none.
std::span<const ToolFormat* const> ToolFormats() {
  static const std::array<const ToolFormat*, 10> formats{
      &Lfm2Format(),   &Phi4MiniFormat(), &MistralNamedFormat(), &MistralFormat(), &GraniteFormat(),
      &HermesFormat(), &LlamaFormat(),    &GemmaFormat(),        &SmolLm2Format(), &GenericFormat()};
  return formats;
}

const ToolFormat& FindToolFormat(const ToolModel& model) {
  for (const ToolFormat* format : ToolFormats()) {
    if (format->Matches(model)) return *format;
  }
  return GenericFormat();
}

const ToolFormat* ToolFormatNamed(std::string_view name) {
  for (const ToolFormat* format : ToolFormats()) {
    if (format->name() == name) return format;
  }
  return nullptr;
}

}  // namespace bantam::tools
