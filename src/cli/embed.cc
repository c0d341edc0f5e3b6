// bantam embed: lines of text to sentence embeddings.
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/dtype_option.h"
#include "cli/line_reader.h"
#include "cli/npy_writer.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "tasks/embed.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string model = "all-MiniLM-L6-v2";
  DtypeOption dtype{"f32"};
  int threads = 0;
  std::string output;
  std::string file;
};

// Lines that are embedded together: enough to fill batches, few enough that memory stays small and the bar moves.
constexpr size_t kLinesAtOnce = 256;

// {"embedding": [...], "truncated": true}
void AppendLine(const Embedding& embedding, std::string& out) {
  out += "{\"embedding\": [";
  for (size_t i = 0; i < embedding.vector.size(); ++i) {
    if (i > 0) out += ", ";
    AppendJsonNumber(embedding.vector[i], out);
  }
  out += embedding.truncated ? "], \"truncated\": true}\n" : "]}\n";
}

Status RunEmbed(const Options& options) {
  BANTAM_TRY(const WeightType type, options.dtype.Type());
  BANTAM_TRY(LineReader reader, LineReader::Open(options.file));
  BANTAM_TRY(const auto embedder,
             Embedder::Load(options.model, {.weight_type = type, .num_threads = options.threads, .engine = {}}));
  BANTAM_RETURN_IF_ERROR(options.dtype.Check(embedder->encoder(), options.model));
  std::optional<NpyWriter> matrix;
  if (!options.output.empty()) {
    BANTAM_TRY(NpyWriter writer, NpyWriter::Create(options.output, static_cast<size_t>(embedder->dimensions())));
    matrix.emplace(std::move(writer));
  } else {
    EndQuietlyOnClosedPipe();
  }
  // Lines on the same terminal would tear the bar apart.
  std::optional<ProgressBar> progress;
  if (matrix || ::isatty(STDOUT_FILENO) == 0) progress.emplace("embed");

  size_t num_lines = 0, num_truncated = 0;
  while (true) {
    BANTAM_TRY(const std::vector<std::string> lines, reader.Next(kLinesAtOnce));
    if (lines.empty()) break;
    BANTAM_TRY(const std::vector<Embedding> embeddings, embedder->EmbedBatch(lines));
    std::string out;
    for (const Embedding& embedding : embeddings) {
      num_truncated += embedding.truncated;
      if (matrix) {
        BANTAM_RETURN_IF_ERROR(matrix->Append(embedding.vector));
      } else {
        AppendLine(embedding, out);
      }
    }
    BANTAM_RETURN_IF_ERROR(Print(out));
    num_lines += lines.size();
    if (progress && reader.Fraction() > 0) progress->Update(fmt::format("{} lines", num_lines), reader.Fraction());
  }
  progress.reset();
  if (!matrix) return Ok();
  BANTAM_RETURN_IF_ERROR(matrix->Finish());
  // A person sees what happened; a script, whose stderr is not a terminal, sees nothing.
  if (::isatty(STDERR_FILENO) == 1) {
    const std::string truncated =
        num_truncated > 0 ? fmt::format("; {} were cut at {} tokens", num_truncated, embedder->max_tokens()) : "";
    fmt::print(stderr, "{}: float32 [{}, {}]{}\n", options.output, matrix->rows(), embedder->dimensions(), truncated);
  }
  return Ok();
}

}  // namespace

Run SetUpEmbed(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--model,-m", options->model,
                 "A name from 'bantam list', a folder (with a slash, as in ./my-model), or a GGUF file")
      ->capture_default_str();
  options->dtype.AddTo(app, "Weights: f32, as the reference computes; int8, smaller and faster; or int4, smallest");
  app.add_option("--threads,-t", options->threads, "Threads; by default all that this process may use")
      ->check(CLI::Range(1, 1024));
  app.add_option("--output,-o", options->output,
                 "Write a NumPy .npy matrix (float32, one row a line) instead of JSON lines");
  app.add_option("FILE", options->file, "A file of lines; standard input without one, or for -");
  app.footer(
      "One JSON object out for each line in, in order: {\"embedding\": [...]}, with \"truncated\": true where the line "
      "was longer\n"
      "than the model reads. An empty line is an empty text.\n\n"
      "Examples:\n"
      "  echo 'Where is my refund?' | bantam embed\n"
      "  bantam embed --dtype int8 --threads 2 questions.txt > vectors.jsonl\n"
      "  bantam embed --output vectors.npy questions.txt   # then numpy.load('vectors.npy')");
  return [options] { return RunEmbed(*options); };
}

}  // namespace bantam::cli
