// bantam quantize: a smaller, faster copy of a model, and what that costs.
#include <CLI/CLI.hpp>

#include "base/paths.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/quant_summary.h"
#include "files/model_store.h"
#include "learn/decoder_quantizer.h"
#include "learn/quant_folder.h"
#include "learn/quant_search.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string model, out, type, data;
  std::vector<std::string> splits;
  std::optional<double> max_drop;
  double extra = 10;
  int threads = 0;
  bool force = false, json = false;
};

// Of a decoder: a path to a .gguf file, or a name in the model store.
Result<Path> OutputFile(const std::string& reference, const ModelFolder& original, bool force) {
  Path out(reference);
  if (reference.find('/') == std::string::npos && !reference.ends_with(".gguf")) {
    BANTAM_RETURN_IF_ERROR(CheckPlainName("the model's name", reference));
    BANTAM_TRY(const Path store, ModelsFolder());
    out = store / (reference + ".gguf");
    std::error_code ignored;
    if (std::filesystem::exists(store / reference, ignored)) {
      return Err(ErrorCode::kInvalidArgument, "the store has a model \"{}\" already: name another",
                 EscapeForTerminal(reference));
    }
  }
  if (out.extension() != ".gguf") {
    return Err(ErrorCode::kInvalidArgument, "{}: block formats go into a file that ends in .gguf",
               EscapeForTerminal(reference));
  }
  std::error_code ignored;
  if (!std::filesystem::exists(out, ignored)) return out;
  if (std::filesystem::equivalent(out, original.path, ignored)) {
    return Err(ErrorCode::kInvalidArgument, "{} is the model itself: name another file", EscapeForTerminal(reference));
  }
  if (!force) {
    return Err(ErrorCode::kInvalidArgument, "{} exists already: name another file, or say --force to replace it",
               EscapeForTerminal(reference));
  }
  return out;
}

Status QuantizeToGguf(const Options& options) {
  constexpr uint64_t kMaxTextBytes = uint64_t{64} << 20;
  BANTAM_TRY(const DType type, ParseBlockType(options.type));
  BANTAM_TRY(ModelFolder model, OpenModel(options.model));
  BANTAM_TRY(const Path out, OutputFile(options.out, model, options.force));
  DecoderQuantOptions quant{.type = type,
                            .extra = options.extra / 100,
                            .max_rise = options.max_drop,
                            .num_threads = options.threads > 0 ? options.threads : ThreadPool::DefaultThreads()};
  if (!options.data.empty()) {
    BANTAM_TRY(quant.text, ReadFile(options.data, kMaxTextBytes));
    quant.text_name = Path(options.data).filename().string();
  }
  std::optional<ProgressBar> progress(std::in_place, "quantize");
  quant.progress = [&](std::string_view stage, double fraction) { progress->Update(stage, fraction); };
  BANTAM_TRY(const DecoderQuantReport report, QuantizeDecoder(model, out, quant));
  progress.reset();
  json::object object = ToJsonObject(report);
  if (options.json) {
    object["path"] = out.string();
    return Print(ToJson(object) + "\n");
  }
  return Print(DecoderQuantSummary(object) + fmt::format("\nwrote {}\n", EscapeForTerminal(out.string(), 400)));
}

Status RunQuantize(const Options& options) {
  if (!ParseWeightType(options.type)) return QuantizeToGguf(options);
  BANTAM_TRY(const WeightType type, ParseWeightType(options.type));
  if (options.max_drop && options.data.empty()) {
    return Err(ErrorCode::kInvalidArgument,
               "--max-drop needs --data: without lines of yours there is no metric to keep");
  }
  QuantData data = SampleSentences();
  if (!options.data.empty()) {
    BANTAM_TRY(data, ReadQuantData(options.data, options.splits));
  }
  const int threads = options.threads > 0 ? options.threads : ThreadPool::DefaultThreads();
  ThreadPool pool(threads);
  BANTAM_TRY(const auto model, QuantModel::Open(options.model, pool));
  // Before minutes of work, not after.
  BANTAM_TRY(const Path out, OutputFolder(options.out, model->folder(), options.force));
  std::optional<ProgressBar> progress(std::in_place, "quantize");
  QuantOptions search{.type = type, .max_drop = options.max_drop, .num_threads = threads, .progress = {}};
  search.progress = [&](std::string_view stage, double fraction) { progress->Update(stage, fraction); };
  BANTAM_TRY(QuantResult result, SearchQuantization(*model, std::move(data), search));
  result.report.data_file = Path(options.data).filename().string();
  progress.reset();
  BANTAM_RETURN_IF_ERROR(WriteQuantized(*model, result.types, result.report, out));
  json::object report = ToJsonObject(result.report);
  if (options.json) {
    report["path"] = out.string();
    return Print(ToJson(report) + "\n");
  }
  return Print(QuantSummary(report) + fmt::format("\nwrote {}\n", EscapeForTerminal(out.string(), 400)));
}

}  // namespace

Run SetUpQuantize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model,
                 "A name from 'bantam list', a folder (with a slash, as in ./my-model) or a .gguf file")
      ->type_name("MODEL|DIR|FILE")
      ->required();
  app.add_option(
         "OUT", options->out,
         "Where it goes: a folder (with a slash) for an encoder, a .gguf file for a model that writes text; or a "
         "new name in the model store")
      ->type_name("DIR|FILE")
      ->required();
  app.add_option("--type", options->type,
                 "Encoders: int8, or int4 (half of that, at some cost). Models that write text: q8_0, q6_k, q5_k, q4_k "
                 "(block formats of GGUF), q5_1, q5_0, q4_1, q4_0")
      ->required()
      ->check(CLI::IsMember({"int8", "int4", "q8_0", "q6_k", "q5_k", "q4_k", "q5_1", "q5_0", "q4_1", "q4_0"},
                            CLI::ignore_case));
  app.add_option("--data", options->data,
                 "Your own metric: lines {\"text\", \"label\"} for the accuracy of a classifier on the vectors, or\n"
                 "{\"text1\", \"text2\", \"score\"} for the rank correlation of similarities.\n"
                 "For models that write text: a text such as they will read and write, to choose by and to measure on")
      ->type_name("FILE");
  app.add_option("--splits", options->splits, "Take lines of these splits only")->delimiter(',');
  app.add_option(
         "--max-drop", options->max_drop,
         "Points that the metric may fall, or percent that the perplexity may rise; what suffers most stays higher "
         "until it fits, or nothing is written")
      ->check(CLI::Range(0.0, 100.0));
  app.add_option("--extra", options->extra,
                 "Of models that write text: percent of the size at --type that better formats for the tensors that "
                 "suffer most may take")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_option("--threads,-t", options->threads, "Threads; by default all that this process may use")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--force", options->force, "Replace the model that is in OUT");
  app.add_flag("--json", options->json, "The report as one JSON object instead of a table");
  app.footer(
      "Every command takes the result as --model OUT. 'bantam show OUT' tells what it cost.\n\n"
      "Examples:\n"
      "  bantam quantize all-MiniLM-L6-v2 minilm-int8 --type int8\n"
      "  bantam quantize ./my-model ./my-model-int4 --type int4 --data mine.jsonl --max-drop 0.5\n"
      "  bantam quantize ./smollm2-f16.gguf ./smollm2-q4_k.gguf --type q4_k --data articles.txt");
  return [options] { return RunQuantize(*options); };
}

}  // namespace bantam::cli
