// bantam run: a model goes on with a prompt, shown as it is written. Without a prompt on a terminal it asks for one
// after the other.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <iostream>

#include "base/file_io.h"
#include "base/json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/dtype_option.h"
#include "cli/output.h"
#include "cli/sampling_options.h"
#include "cli/terminal.h"

namespace bantam::cli {
namespace {

constexpr size_t kMaxPromptBytes = size_t{64} << 20;

struct Options {
  std::string model, prompt;
  bool has_prompt = false;
  SamplingOptions sampling;
  DtypeOption dtype = DtypeOption::Automatic();
  int threads = 0, context = 0;
  bool json = false;
};

// Ctrl-C ends the text that is being written; at the prompt, where nobody asks for this, the program.
volatile std::sig_atomic_t interrupted = 0;

class StopsOnInterrupt {
 public:
  StopsOnInterrupt() {
    interrupted = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    ::sigaction(SIGINT, &action, &before_);
  }
  ~StopsOnInterrupt() { ::sigaction(SIGINT, &before_, nullptr); }
  StopsOnInterrupt(const StopsOnInterrupt&) = delete;
  StopsOnInterrupt& operator=(const StopsOnInterrupt&) = delete;

 private:
  struct sigaction before_{};
};

struct Timing {
  MonotonicTime start = MonotonicNow();
  double first_ms = 0, total_ms = 0;
};

// Shows the text as it comes, or keeps it quiet.
Result<std::vector<GeneratedText>> Write(Generator& generator, const GenerateCall& call, bool show, Timing& timing) {
  const StopsOnInterrupt guard;
  timing.start = MonotonicNow();
  BANTAM_TRY(const std::unique_ptr<TextStream> stream, generator.Start(call));
  std::vector<GeneratedText> texts(static_cast<size_t>(call.n));
  while (interrupted == 0) {
    BANTAM_TRY(std::optional<TextEvent> event, stream->Next(50));
    if (!event) break;
    if (timing.first_ms == 0 && !event->tokens.empty()) timing.first_ms = MillisecondsSince(timing.start);
    GeneratedText& text = texts[static_cast<size_t>(event->index)];
    text.text += event->text;
    std::ranges::move(event->tokens, std::back_inserter(text.tokens));
    if (event->end) text.end = *event->end;
    if (show && !event->text.empty()) BANTAM_RETURN_IF_ERROR(Print(event->text));
  }
  timing.total_ms = MillisecondsSince(timing.start);
  return texts;
}

Status PrintJson(const Generator& generator, const GenerateCall& call, const std::vector<GeneratedText>& texts,
                 const Timing& timing) {
  json::array list;
  int generated = 0;
  for (const GeneratedText& text : texts) {
    const GenerationSummary& summary = text.end.summary;
    generated += summary.generated_tokens;
    json::array ids;
    for (const TokenChoice& token : text.tokens) ids.push_back(token.id);
    json::object row{{"text", text.text}, {"finish_reason", FinishReasonName(text.end.reason)}};
    if (!text.end.stop.empty()) row["stop"] = text.end.stop;
    row["token_ids"] = std::move(ids);
    row["generated_tokens"] = summary.generated_tokens;
    list.push_back(std::move(row));
  }
  json::object out{{"model", generator.model_name()},
                   {"seed", call.sampling.seed},
                   {"prompt_tokens", texts.front().end.summary.prompt_tokens},
                   {"generated_tokens", generated},
                   {"ttft_ms", timing.first_ms},
                   {"total_ms", timing.total_ms},
                   {"texts", std::move(list)}};
  return Print(ToJson(out) + "\n");
}

Result<std::string> ReadPrompt() {
  std::string prompt;
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read", "standard input", errno);
    if (got == 0) return prompt;
    prompt.append(buffer, static_cast<size_t>(got));
    if (prompt.size() > kMaxPromptBytes) {
      return Err(ErrorCode::kTooLarge, "standard input: a prompt of more than {}", HumanBytes(kMaxPromptBytes));
    }
  }
}

// One prompt, one answer.
Status Complete(Generator& generator, const Options& options, const std::string& prompt) {
  GenerateCall call = options.sampling.Call();
  call.prompt = prompt;
  call.trusted = true;  // whoever types the command
  if (!options.json) call.n = 1;
  Timing timing;
  BANTAM_TRY(const std::vector<GeneratedText> texts, Write(generator, call, !options.json, timing));
  if (options.json) return PrintJson(generator, call, texts, timing);
  return texts.front().text.ends_with('\n') ? Ok() : Print("\n");
}

// One line after the other, each a prompt of its own.
Status Ask(Generator& generator, const Options& options) {
  const Colours colours(STDERR_FILENO);
  const std::string ask = colours.Bold("> ");
  for (std::string line; std::cerr << ask << std::flush, std::getline(std::cin, line);) {
    if (line.empty()) continue;
    if (Status done = Complete(generator, options, line); !done) {
      // A prompt that is too long is no reason to leave.
      if (done.error().code != ErrorCode::kInvalidArgument) return done;
      std::cerr << done.error().message << "\n";
    }
  }
  std::cerr << "\n";
  return Ok();
}

Status RunRun(const Options& options) {
  EndQuietlyOnClosedPipe();
  BANTAM_TRY(const WeightType type, options.dtype.TypeOfDecoder());
  BANTAM_TRY(
      const auto generator,
      Generator::Load(options.model, {.weight_type = type,
                                      .engine = {.num_threads = options.threads, .cache_tokens = options.context}}));
  BANTAM_RETURN_IF_ERROR(options.dtype.Check(generator->engine().decoder().weight_type(), generator->model_name()));
  if (options.has_prompt && options.prompt != "-") return Complete(*generator, options, options.prompt);
  if (!options.has_prompt && ::isatty(STDIN_FILENO) != 0) return Ask(*generator, options);
  BANTAM_TRY(std::string prompt, ReadPrompt());
  return Complete(*generator, options, prompt);
}

}  // namespace

Run SetUpRun(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "A name from 'bantam list', a model's folder or a GGUF file")->required();
  auto* prompt =
      app.add_option("PROMPT", options->prompt, "What the model goes on with; '-', or none in a pipe: standard input");
  options->sampling.AddTo(app);
  options->dtype.AddTo(app, "Weights");
  app.add_option("--threads,-t", options->threads, "Threads; by default all that this process may use")
      ->check(CLI::Range(1, 1024));
  app.add_option("--context", options->context,
                 "Tokens of prompt and text together; by default what the model allows, at most 16384")
      ->check(CLI::Range(32, 1 << 24));
  app.add_flag("--json", options->json, "One JSON object with text, token ids and times");
  app.footer(
      "The text goes on from the prompt as it stands: no chat template is put around it.\n\n"
      "Examples:\n"
      "  bantam run ./SmolLM2-135M.gguf 'The capital of France is' --temperature 0\n"
      "  bantam run ./TinyLlama 'Once upon a time' --max-tokens 100 --seed 7\n"
      "  bantam run ./model.gguf --json --stop '\\n' <prompt.txt");
  return [options, prompt] {
    options->has_prompt = prompt->count() > 0;
    return RunRun(*options);
  };
}

}  // namespace bantam::cli
