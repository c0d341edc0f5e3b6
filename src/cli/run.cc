// bantam run: one answer to one prompt, or on a terminal a conversation (chat_session.h).
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>

#include "base/file_io.h"
#include "base/json.h"
#include "base/text_util.h"
#include "cli/chat_session.h"
#include "cli/commands.h"
#include "cli/dtype_option.h"
#include "cli/grammar_options.h"
#include "cli/kv_type_option.h"
#include "cli/output.h"
#include "cli/sampling_options.h"
#include "cli/speculation_option.h"
#include "cli/text_output.h"

namespace bantam::cli {
namespace {

constexpr size_t kMaxPromptBytes = size_t{64} << 20;

struct Options {
  std::string model, prompt, system;
  bool has_prompt = false, has_system = false;
  SamplingOptions sampling;
  GrammarOptions held;
  DtypeOption dtype = DtypeOption::Automatic();
  KvTypeOption kv_type;
  SpeculationOption speculation;
  std::vector<std::string> adapters;
  int threads = 0, context = 0;
  bool json = false, raw = false, verbose = false;
};

Status PrintJson(const Generator& generator, const GenerateCall& call, const WrittenTexts& written) {
  json::array list;
  for (const WrittenText& text : written.texts) {
    json::array ids;
    for (const TokenChoice& token : text.tokens) ids.push_back(token.id);
    json::object row{{"text", text.text}, {"finish_reason", text.finish_reason()}};
    if (text.end && !text.end->stop.empty()) row["stop"] = text.end->stop;
    row["token_ids"] = std::move(ids);
    row["generated_tokens"] = text.generated_tokens();
    list.push_back(std::move(row));
  }
  json::object out{{"model", generator.model_name()},
                   {"seed", call.sampling.seed},
                   {"prompt_tokens", written.prompt_tokens},
                   {"generated_tokens", written.generated_tokens()},
                   {"speculated", written.speculated_tokens},
                   {"accepted", written.accepted_tokens},
                   {"ttft_ms", written.first_ms},
                   {"total_ms", written.total_ms},
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

// One prompt, one answer: of a conversation that begins with it, or what follows it as it stands.
Status Complete(Generator& generator, const Options& options, const std::string& prompt, bool chat) {
  GenerateCall call = options.sampling.Call();
  if (chat) {
    Conversation conversation;
    conversation.SetSystem(options.system);
    conversation.Add("user", prompt);
    BANTAM_TRY(ChatPrompt ids, conversation.Prompt(generator, {}));
    call.prompt_ids = std::move(ids.ids);
  } else {
    call.prompt = prompt;
    call.trusted = true;  // whoever types the command
  }
  if (!options.json) call.n = 1;
  BANTAM_TRY(call.constraint, options.held.For(generator));
  const InterruptGuard guard;
  BANTAM_TRY(const WrittenTexts written, WriteTexts(generator, call, !options.json));
  if (options.json) return PrintJson(generator, call, written);
  return written.texts.front().text.ends_with('\n') ? Ok() : Print("\n");
}

// Whether messages go through the model's template. A template that is there but cannot be read is told, unless --raw
// says that it is not wanted: answers without it would look like those of a worse model.
Result<bool> Chats(const Generator& generator, const Options& options) {
  const Result<ChatTemplate>& chat = generator.chat_template();
  if (options.raw || (!chat && chat.error().code == ErrorCode::kNotFound)) {
    if (!options.has_system) return false;
    return Err(ErrorCode::kInvalidArgument, "--system: {}",
               options.raw ? "--raw leaves the chat template out, which is where it would go"
                           : "the model has no chat template, which is where it would go");
  }
  if (!chat) return Err(chat.error().code, "{}; --raw goes on without", chat.error().message);
  return true;
}

Status RunRun(const Options& options) {
  EndQuietlyOnClosedPipe();
  BANTAM_TRY(const WeightType type, options.dtype.TypeOfDecoder());
  BANTAM_TRY(const auto generator,
             Generator::Load(options.model, {.weight_type = type,
                                             .engine = {.num_threads = options.threads,
                                                        .cache_tokens = options.context,
                                                        .kv_type = options.kv_type.type(),
                                                        .speculation = options.speculation.Options()},
                                             .draft = options.speculation.draft()}));
  BANTAM_RETURN_IF_ERROR(options.dtype.Check(generator->engine().decoder().weight_type(), generator->model_name()));
  for (const std::string& option : options.adapters) {
    BANTAM_TRY(const AdapterOptions adapter, ParseAdapter(option));
    BANTAM_RETURN_IF_ERROR(generator->AddAdapter(adapter));
  }
  BANTAM_TRY(const bool chat, Chats(*generator, options));
  if (options.has_prompt && options.prompt != "-") return Complete(*generator, options, options.prompt, chat);
  if (!options.has_prompt && ::isatty(STDIN_FILENO) != 0 && !options.json) {
    if (options.held.any()) {
      return Err(ErrorCode::kInvalidArgument,
                 "--schema, --grammar, --regex and --choice hold one answer: give a prompt");
    }
    return RunChat(*generator, options.sampling, {.raw = !chat, .system = options.system, .verbose = options.verbose});
  }
  BANTAM_TRY(std::string prompt, ReadPrompt());
  return Complete(*generator, options, prompt, chat);
}

}  // namespace

Run SetUpRun(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "A name from 'bantam list', a model's folder or a GGUF file")
      ->type_name("MODEL|DIR|FILE")
      ->required();
  auto* prompt = app.add_option("PROMPT", options->prompt,
                                "What the model answers, or goes on with; '-', or none in a pipe: standard input");
  auto* system = app.add_option("--system", options->system, "What the model is told before the conversation");
  app.add_flag("--raw", options->raw, "Go on with the prompt as it stands: no chat template around it");
  options->sampling.AddTo(app);
  options->held.AddTo(app);
  options->dtype.AddTo(app, "Weights");
  app.add_option("--lora", options->adapters,
                 "LoRA adapter of the model: a folder of peft or a GGUF file. :SCALE makes more or less of it; may be "
                 "repeated, all count")
      ->type_name("[NAME=]PATH[:SCALE]");
  options->kv_type.AddTo(app);
  options->speculation.AddTo(app);
  app.add_option("--threads,-t", options->threads, "Threads; by default all that this process may use")
      ->check(CLI::Range(1, 1024));
  app.add_option("--context", options->context,
                 "Tokens of prompt and text together; by default what the model allows, at most 16384")
      ->check(CLI::Range(32, 1 << 24));
  app.add_flag("--json", options->json, "One JSON object with text, token ids and times");
  app.add_flag("--verbose", options->verbose, "In a conversation: counts and times after each answer");
  app.footer(
      "A model with a chat template answers the prompt; one without, or with --raw, goes on with it. On a terminal\n"
      "without a prompt it is a conversation: /help lists its commands, Ctrl-C stops an answer.\n\n"
      "Examples:\n"
      "  bantam run smollm2\n"
      "  bantam run smollm2 'Why is the sky blue?' --system 'Answer in one sentence.'\n"
      "  bantam run ./TinyLlama 'Once upon a time' --raw --max-tokens 100 --seed 7\n"
      "  bantam run smollm2 'A cat, as JSON' --schema cat.schema.json\n"
      "  bantam run ./model.gguf --json --stop '\\n' <prompt.txt");
  return [options, prompt, system] {
    options->has_prompt = prompt->count() > 0;
    options->has_system = system->count() > 0;
    return RunRun(*options);
  };
}

}  // namespace bantam::cli
