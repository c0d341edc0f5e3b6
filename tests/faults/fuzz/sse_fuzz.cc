// The upstream's stream, in each of its dialects. However the bytes are cut: the same answer, the same text to the
// sink; never a success without an end. The first byte chooses the cuts.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "route/dialects/dialect.h"

namespace bantam {
namespace {

struct Outcome {
  ChatReply reply;
  std::string sunk;
};

Outcome Run(const Dialect& dialect, std::string_view bytes, size_t step) {
  Outcome outcome;
  const DeltaSink sink = [&](std::string_view piece) { outcome.sunk += piece; };
  const std::unique_ptr<ReplyStream> stream = dialect.stream(sink);
  for (size_t at = 0; at < bytes.size(); at += step) {
    if (!stream->Feed(bytes.substr(at, step))) break;
  }
  stream->Finish(true);
  outcome.reply = stream->reply();
  return outcome;
}

}  // namespace
}  // namespace bantam

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bantam;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const Dialect* dialect : {&kOpenAiDialect, &kAnthropicDialect, &kOllamaDialect}) {
    const Outcome whole = Run(*dialect, bytes, bytes.size() + 1);
    const Outcome cut = Run(*dialect, bytes, 1 + data[0] % 64);
    BANTAM_CHECK(whole.reply.outcome == cut.reply.outcome && whole.reply.problem == cut.reply.problem);
    BANTAM_CHECK(whole.reply.text == cut.reply.text && whole.reply.finish_reason == cut.reply.finish_reason);
    BANTAM_CHECK(whole.sunk == whole.reply.text && cut.sunk == cut.reply.text);
    if (whole.reply.outcome == UpstreamOutcome::kOk) {
      BANTAM_CHECK(whole.reply.done && !whole.reply.text.empty() && !whole.reply.finish_reason.empty());
    } else {
      BANTAM_CHECK(!whole.reply.problem.empty());
    }
    ReadDocument(*dialect, bytes);
  }
  ErrorMessageIn(bytes);
  return 0;
}
