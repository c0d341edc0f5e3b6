// bantam embed: lines of text to sentence embeddings.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/dtype_option.h"
#include "cli/embed_sparse.h"
#include "cli/embed_tokens.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/vector_sink.h"
#include "tasks/embed.h"

namespace bantam::cli {
namespace {

struct Options : EmbedOptions {
  DtypeOption dtype{"f32"};
  int threads = 0;
  std::string file;
};

// Lines that are embedded together: enough to fill batches, few enough that memory stays small and the bar moves.
constexpr size_t kLinesAtOnce = 256;

PromptChoice::Role RoleOf(const std::string& input_type) {
  if (input_type == "query") return PromptChoice::Role::kQuery;
  return input_type == "document" ? PromptChoice::Role::kDocument : PromptChoice::Role::kNone;
}

PromptChoice ChoiceOf(const Options& options) {
  PromptChoice choice;
  if (options.has_prompt) choice.text = options.prompt;
  if (!options.prompt_name.empty()) choice.name = options.prompt_name;
  choice.role = options.role;
  return choice;
}

Status RunEmbed(Options options) {
  BANTAM_TRY(const WeightType type, options.dtype.Type());
  BANTAM_TRY(options.sink.type, VectorTypeNamed(options.output_type));
  if (!options.sink.ranges.empty() && !NeedsRanges(options.sink.type)) {
    return Err(ErrorCode::kInvalidArgument, "--ranges is for --output-type int8 and uint8, not for {}",
               options.output_type);
  }
  BANTAM_TRY(LineReader reader, LineReader::Open(options.file));
  BANTAM_TRY(LoadedModel model,
             LoadModel(options.model,
                       {.weight_type = type, .num_threads = options.threads, .engine = {}, .heads = options.sparse}));
  BANTAM_RETURN_IF_ERROR(options.dtype.Check(model.encoder(), options.model));
  options.role = RoleOf(options.input_type);
  if (options.sparse || model.folder.sentence.sparse.on) {
    BANTAM_TRY(const auto embedder, SparseEmbedder::Create(std::move(model)));
    BANTAM_TRY(const TextPrompt prompt, embedder->ResolvePrompt(ChoiceOf(options), true));
    return EmbedSparseLines(*embedder, prompt, options, reader);
  }
  BANTAM_TRY(const auto embedder, Embedder::Create(std::move(model), nullptr));
  if (options.tokens || embedder->sentence().multi_vector.on) {
    BANTAM_TRY(const TextPrompt prompt, embedder->ResolvePrompt(ChoiceOf(options), true));
    return EmbedTokenLines(*embedder, prompt, options, reader);
  }
  if (options.dimensions > embedder->dimensions()) {
    return Err(ErrorCode::kInvalidArgument, "--dimensions is {}, {} gives {}", options.dimensions,
               embedder->model_name(), embedder->dimensions());
  }
  BANTAM_TRY(const TextPrompt prompt, embedder->ResolvePrompt(ChoiceOf(options), true));
  options.sink.dimensions = static_cast<size_t>(options.dimensions > 0 ? options.dimensions : embedder->dimensions());
  const bool to_file = !options.sink.output.empty();
  BANTAM_TRY(VectorSink sink, VectorSink::Create(options.sink));
  if (!to_file) EndQuietlyOnClosedPipe();
  // Lines on the same terminal would tear the bar apart.
  std::optional<ProgressBar> progress;
  if (to_file || ::isatty(STDOUT_FILENO) == 0) progress.emplace("embed");
  EmbedCall call;
  call.prompt = &prompt;
  call.truncate = !options.no_truncate;

  size_t num_lines = 0, num_truncated = 0;
  while (true) {
    BANTAM_TRY(const std::vector<std::string> lines, reader.Next(kLinesAtOnce));
    if (lines.empty()) break;
    auto embeddings = embedder->EmbedBatch(lines, call);
    if (!embeddings) return InLines(std::move(embeddings).error(), num_lines);
    std::string out;
    for (Embedding& embedding : *embeddings) {
      num_truncated += embedding.truncated;
      BANTAM_RETURN_IF_ERROR(sink.Take(std::move(embedding), out));
    }
    BANTAM_RETURN_IF_ERROR(Print(out));
    num_lines += lines.size();
    if (progress && reader.Fraction() > 0) progress->Update(fmt::format("{} lines", num_lines), reader.Fraction());
  }
  std::string out;
  BANTAM_RETURN_IF_ERROR(sink.Finish(out));
  BANTAM_RETURN_IF_ERROR(Print(out));
  progress.reset();
  ReportTruncated(num_truncated, num_lines, embedder->max_tokens());
  // A person sees what happened; a script, whose stderr is not a terminal, sees nothing.
  if (to_file && ::isatty(STDERR_FILENO) == 1) {
    fmt::print(stderr, "{}: {} [{}, {}]\n", options.sink.output, sink.type_name(), sink.rows(),
               options.sink.dimensions);
  }
  return Ok();
}

}  // namespace

Run SetUpEmbed(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--model,-m", options->model,
                 "A name from 'bantam list', a folder (with a slash, as in ./my-model), or a GGUF file")
      ->type_name("MODEL|DIR|FILE")
      ->capture_default_str();
  options->dtype.AddTo(app, "Weights: f32, as the reference computes; int8, smaller and faster; or int4, smallest");
  app.add_option("--threads,-t", options->threads, "Threads; by default all that this process may use")
      ->check(CLI::Range(1, 1024));
  auto* prompt_name = app.add_option("--prompt-name", options->prompt_name,
                                     "Which of the model's prompts goes before each line ('bantam show' lists them)");
  auto* prompt = app.add_option_function<std::string>(
      "--prompt",
      [options](const std::string& text) {
        options->prompt = text;
        options->has_prompt = true;
      },
      "This text before each line, in place of the model's own prompts; \"\" for none");
  auto* input_type = app.add_option("--input-type", options->input_type,
                                    "What the lines are, where the model has prompts for both: query or document")
                         ->check(CLI::IsMember({"query", "document"}));
  prompt->excludes(prompt_name);
  input_type->excludes(prompt_name)->excludes(prompt);
  app.add_option("--dimensions,-d", options->dimensions,
                 "Keep the first so many values and give the vector length 1 again (Matryoshka models)")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--output-type", options->output_type,
                 "float32; int8 or uint8, a byte for each value; binary or ubinary, a bit for each value")
      ->capture_default_str();
  app.add_option("--ranges", options->sink.ranges,
                 "For int8 and uint8: a .npy of float32 [2, dimensions], minima and maxima; by default those of this "
                 "input")
      ->type_name("FILE");
  app.add_option("--save-ranges", options->sink.save_ranges, "Write this input's ranges to such a file")
      ->type_name("FILE");
  app.add_flag(
      "--tokens", options->tokens,
      "A vector for each token in place of one for the line; models made for that (ColBERT) always give those");
  app.add_flag("--sparse", options->sparse,
               "Weights of words (SPLADE) by a masked language model; models made for that always give those");
  app.add_option("--top-k", options->top_k, "Of weights of words: keep so many of the largest; 0 for all")
      ->check(CLI::Range(0, 1 << 30));
  app.add_flag("--no-truncate", options->no_truncate, "End with an error at a line longer than the model reads");
  app.add_option("--output,-o", options->sink.output,
                 "Write a NumPy .npy matrix (one row a line) instead of JSON lines")
      ->type_name("FILE");
  app.add_option("FILE", options->file, "A file of lines; standard input without one, or for -");
  app.footer(
      "One JSON object out for each line in, in order: {\"embedding\": [...]}, with \"truncated\": true and how many "
      "\"tokens\" it has\n"
      "where the line was longer than the model reads. An empty line is an empty text. Bits are packed eight to a "
      "byte, "
      "the\n"
      "first in the highest place. Vectors of int8 are comparable when they were made with the same ranges. A model "
      "with "
      "a vector\n"
      "for each token gives {\"tokens\": [...], \"embeddings\": [[...], ...]}; what they are made for is told by "
      "--input-type. A sparse model gives {\"tokens\": [...], \"indices\": [...], \"values\": [...]}.\n\n"
      "Examples:\n"
      "  echo 'Where is my refund?' | bantam embed\n"
      "  bantam embed --dtype int8 --threads 2 questions.txt > vectors.jsonl\n"
      "  bantam embed --output vectors.npy questions.txt   # then numpy.load('vectors.npy')\n"
      "  bantam embed --model ./e5-small --input-type query questions.txt\n"
      "  bantam embed --model ./e5-small --prompt 'passage: ' articles.txt\n"
      "  bantam embed --dimensions 128 --output-type ubinary -o codes.npy articles.txt\n"
      "  bantam embed --output-type int8 --save-ranges ranges.npy -o articles.npy articles.txt\n"
      "  bantam embed --output-type int8 --ranges ranges.npy -o questions.npy questions.txt");
  return [options] { return RunEmbed(*options); };
}

}  // namespace bantam::cli
