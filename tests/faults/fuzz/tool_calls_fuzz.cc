// Text of a model that may call functions, in each family's format. However it is cut: the same calls, the same text.
// The first byte chooses the cuts.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "text/tool_calls/formats.h"
#include "text/tool_calls/tool_parser.h"

namespace bantam::tools {
namespace {

struct Heard {
  std::string content, calls;
  size_t begun = 0, complete = 0;
};

void Add(const ToolOutput& out, Heard& heard) {
  heard.content += out.content;
  for (const CallDelta& call : out.calls) {
    if (!call.name.empty()) heard.calls += "\n" + std::to_string(call.index) + call.name + ":";
    heard.calls += call.arguments;
  }
}

Heard Read(const ToolFormat& format, std::string_view text, size_t step) {
  ToolParser parser(format, {"f", "get_weather"});
  Heard heard;
  for (size_t at = 0; at < text.size(); at += step) Add(parser.Read(text.substr(at, step)), heard);
  Add(parser.Finish(), heard);
  heard.begun = parser.num_calls(), heard.complete = parser.num_complete();
  return heard;
}

}  // namespace
}  // namespace bantam::tools

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bantam::tools;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const auto* format :
       {&GemmaFormat(), &GenericFormat(), &GraniteFormat(), &HermesFormat(), &Lfm2Format(), &LlamaFormat(),
        &MistralFormat(), &MistralNamedFormat(), &Phi4MiniFormat(), &SmolLm2Format()}) {
    const Heard whole = Read(*format, text, text.size() + 1), cut = Read(*format, text, 1 + data[0] % 16);
    BANTAM_CHECK(whole.content == cut.content && whole.calls == cut.calls, "{}", format->name());
    BANTAM_CHECK(whole.begun == cut.begun && whole.complete == cut.complete && whole.complete <= whole.begun);
  }
  return 0;
}
