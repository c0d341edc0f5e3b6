// bantam bench: how fast a model is here. The parts lie in bench_embed.cc, bench_generate.cc and bench_tokenize.cc.
#include <CLI/CLI.hpp>

#include "cli/bench_options.h"
#include "cli/commands.h"
#include "cli/line_reader.h"
#include "cli/output.h"

namespace bantam::cli {

Result<std::vector<std::string>> ReadBenchData(const BenchOptions& options) {
  constexpr size_t kMaxLines = 4'000'000;
  BANTAM_TRY(LineReader reader, LineReader::Open(options.data));
  std::vector<std::string> lines;
  while (true) {
    BANTAM_TRY(std::vector<std::string> more, reader.Next(4096));
    if (more.empty()) break;
    std::move(more.begin(), more.end(), std::back_inserter(lines));
    if (lines.size() > kMaxLines) {
      return Err(ErrorCode::kTooLarge, "{}: more than {} lines; take a part of it", options.data, kMaxLines);
    }
  }
  if (lines.empty()) return Err(ErrorCode::kInvalidArgument, "{}: no lines to measure with", options.data);
  return lines;
}

Run SetUpBench(CLI::App& app) {
  auto options = std::make_shared<BenchOptions>();
  app.add_option("WHAT", options->what, "What to measure: embed, generate or tokenize")
      ->required()
      ->check(CLI::IsMember({"embed", "generate", "tokenize"}));
  app.add_option("--model,-m", options->model, "A name from 'bantam list', or a folder")
      ->type_name("MODEL|DIR|FILE")
      ->capture_default_str();
  options->dtype.AddTo(app, "Weights");
  options->kv_type.AddTo(app);
  app.add_option("--batch,-b", options->batch, "Sequences at once")->check(CLI::Range(1, 4096))->capture_default_str();
  auto* tokens = app.add_option("--tokens", options->tokens, "Tokens in each sequence")
                     ->check(CLI::Range(1, 65536))
                     ->capture_default_str();
  app.add_option("--data,-d", options->data,
                 "A file of lines: embed takes their lengths and order instead of --tokens, --batch lines at once; "
                 "tokenize reads them")
      ->type_name("FILE")
      ->excludes(tokens);
  app.add_option("--prompt", options->prompt, "Tokens of the prompt, for generate")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option(
         "--text", options->text,
         "A file whose first --prompt tokens are the prompt, for generate; by default ids all over the vocabulary")
      ->type_name("FILE");
  options->speculation.AddTo(app);
  app.add_option("--generate", options->generate, "Tokens to generate")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--threads,-t", options->threads, "Threads; by default all that this process may use")
      ->check(CLI::Range(1, 1024));
  app.add_option("--repeat,--iterations", options->measure.repeat,
                 "Timed passes; by default as many as fit into --seconds, at least 5")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--seconds", options->measure.seconds, "How long to measure")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_flag("--json", options->json, "One JSON object instead of text");
  app.footer(
      "embed: token ids in, pooled vectors out: the encoder alone, warmed up, without tokenizer, queue or HTTP.\n"
      "generate: a prompt of token ids, then one token after the other, always the most probable.\n"
      "tokenize: text in, token ids out.\n\n"
      "Examples:\n"
      "  bantam bench embed --batch 1 --tokens 16 --threads 1 --dtype int8\n"
      "  bantam bench embed --batch 32 --tokens 128 --repeat 50 --json\n"
      "  bantam bench embed --batch 32 --data questions.txt\n"
      "  bantam bench generate --model ./model.gguf --prompt 512 --generate 128 --threads 2 --json\n"
      "  bantam bench generate --model smollm2 --text book.txt --speculate auto\n"
      "  bantam bench tokenize --data questions.txt --threads 1\n"
      "  BANTAM_ISA=avx2 bantam bench embed");
  return [options] {
    if (options->what == "embed") return RunBenchEmbed(*options);
    return options->what == "generate" ? RunBenchGenerate(*options) : RunBenchTokenize(*options);
  };
}

}  // namespace bantam::cli
