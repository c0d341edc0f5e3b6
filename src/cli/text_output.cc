#include "cli/text_output.h"

#include <algorithm>

#include "cli/output.h"

namespace bantam::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted = 0;
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = 1; };  // without SA_RESTART: a read at the prompt returns, too
  ::sigaction(SIGINT, &action, &before_);
}

InterruptGuard::~InterruptGuard() { ::sigaction(SIGINT, &before_, nullptr); }

bool InterruptGuard::Interrupted() { return interrupted != 0; }
void InterruptGuard::Forget() { interrupted = 0; }

int WrittenTexts::generated_tokens() const {
  int count = 0;
  for (const WrittenText& text : texts) count += text.generated_tokens();
  return count;
}

double WrittenTexts::tokens_per_s() const {
  const double ms = total_ms - first_ms;
  const int later = generated_tokens() - static_cast<int>(texts.size());
  return ms > 0 && later > 0 ? later / ms * 1e3 : 0;
}

Result<WrittenTexts> WriteTexts(Generator& generator, const GenerateCall& call, bool show) {
  constexpr int kLookMs = 50;  // how soon an interrupt is seen
  const MonotonicTime start = MonotonicNow();
  BANTAM_TRY(const std::unique_ptr<TextStream> stream, generator.Start(call));
  WrittenTexts written;
  written.texts.resize(static_cast<size_t>(call.n));
  written.prompt_tokens = stream->prompt_tokens();
  bool cancelled = false;
  while (true) {
    if (InterruptGuard::Interrupted() && !cancelled) {
      cancelled = true;
      stream->Cancel();
    }
    Result<std::optional<TextEvent>> event = stream->Next(kLookMs);
    if (!event && cancelled && event.error().code == ErrorCode::kCancelled) break;
    if (!event) return event.error();
    if (!*event) break;
    if (written.first_ms == 0 && !(*event)->tokens.empty()) written.first_ms = MillisecondsSince(start);
    WrittenText& text = written.texts[static_cast<size_t>((*event)->index)];
    text.text += (*event)->text;
    std::ranges::move((*event)->tokens, std::back_inserter(text.tokens));
    if ((*event)->end) {
      written.cached_tokens = std::max(written.cached_tokens, (*event)->end->summary.cached_tokens);
      written.speculated_tokens += (*event)->end->summary.speculated_tokens;
      written.accepted_tokens += (*event)->end->summary.accepted_tokens;
      text.end = std::move((*event)->end);
    }
    if (show && !(*event)->text.empty()) BANTAM_RETURN_IF_ERROR(Print((*event)->text));
  }
  written.total_ms = MillisecondsSince(start);
  return written;
}

}  // namespace bantam::cli
