// bantam quantize: a smaller, faster copy of a model, and what that costs.
#include <CLI/CLI.hpp>

#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/quant_summary.h"
#include "learn/quant_folder.h"
#include "learn/quant_search.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string model, out, type, data;
  std::vector<std::string> splits;
  std::optional<double> max_drop;
  int threads = 0;
  bool force = false, json = false;
};

Status RunQuantize(const Options& options) {
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
  app.add_option("MODEL", options->model, "A name from 'bantam list', or a folder (with a slash, as in ./my-model)")
      ->required();
  app.add_option("OUT", options->out, "Where it goes: a folder (with a slash), or a new name in the model store")
      ->required();
  app.add_option("--type", options->type, "Weights of the layers: int8, or int4 (half of that, at some cost)")
      ->required()
      ->check(CLI::IsMember({"int8", "int4"}));
  app.add_option("--data", options->data,
                 "Your own metric: lines {\"text\", \"label\"} for the accuracy of a classifier on the vectors, or\n"
                 "{\"text1\", \"text2\", \"score\"} for the rank correlation of similarities");
  app.add_option("--splits", options->splits, "Take lines of these splits only")->delimiter(',');
  app.add_option("--max-drop", options->max_drop,
                 "Points that the metric may fall; sensitive layers stay higher until it fits, or nothing is written")
      ->check(CLI::Range(0.0, 100.0));
  app.add_option("--threads,-t", options->threads, "Threads; by default all that this process may use")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--force", options->force, "Replace the model that is in OUT");
  app.add_flag("--json", options->json, "The report as one JSON object instead of a table");
  app.footer(
      "Every command takes the result as --model OUT. 'bantam show OUT' tells what it cost.\n\n"
      "Examples:\n"
      "  bantam quantize all-MiniLM-L6-v2 minilm-int8 --type int8\n"
      "  bantam quantize ./my-model ./my-model-int4 --type int4 --data mine.jsonl --max-drop 0.5");
  return [options] { return RunQuantize(*options); };
}

}  // namespace bantam::cli
