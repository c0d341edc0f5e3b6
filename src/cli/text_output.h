// Text as a model writes it, for `bantam run`: shown as it comes, ended by Ctrl-C.
#pragma once

#include <csignal>
#include <vector>

#include "base/clock.h"
#include "tasks/generate.h"

namespace bantam::cli {

// While one lives, Ctrl-C sets a flag in place of ending the program. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  static bool Interrupted();
  static void Forget();

 private:
  struct sigaction before_{};
};

struct WrittenText {
  std::string text;
  std::vector<TokenChoice> tokens;
  std::optional<TextEnd> end;  // none: it was interrupted

  // "stop", "length", "interrupted".
  std::string_view finish_reason() const { return end ? FinishReasonName(end->reason) : "interrupted"; }
  int generated_tokens() const { return end ? end->summary.generated_tokens : static_cast<int>(tokens.size()); }
};

struct WrittenTexts {
  std::vector<WrittenText> texts;  // call.n of them
  int prompt_tokens = 0, cached_tokens = 0, speculated_tokens = 0, accepted_tokens = 0;
  double first_ms = 0, total_ms = 0;

  int generated_tokens() const;
  // Without the first one, which waits for the prompt.
  double tokens_per_s() const;
};

// Writes to standard output as the text comes if `show`. An interrupted text is no error.
Result<WrittenTexts> WriteTexts(Generator& generator, const GenerateCall& call, bool show);

}  // namespace bantam::cli
