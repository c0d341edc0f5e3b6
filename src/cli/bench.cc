// bantam bench embed: times the encoder alone, token ids in and unit vectors out, as bench/run.py times its peers.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_io.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "layers/pooling.h"
#include "models/encoder.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string model = "all-MiniLM-L6-v2";
  std::string dtype = "int8";
  int batch = 1;
  int tokens = 16;
  int threads = 1;
  int iterations = 200;
  bool json = false;
};

// Sequences of different ids between [CLS] and [SEP]-like ends; which ids they are does not change the work.
struct Batch {
  std::vector<int32_t> token_ids, cu_seqlens{0};

  Batch(const Options& options, int vocab_size) {
    for (int s = 0; s < options.batch; ++s) {
      for (int i = 0; i < options.tokens; ++i) {
        token_ids.push_back(static_cast<int32_t>((1000 + 37LL * s + 7919LL * i) % vocab_size));
      }
      cu_seqlens.push_back(static_cast<int32_t>(token_ids.size()));
    }
  }
};

// -> milliseconds of each pass, sorted, after a warm-up of a fifth as many.
std::vector<double> Measure(const Encoder& encoder, const ModelFolder& model, const Options& options) {
  const Batch batch(options, encoder.vocab_size());
  const EncoderBatch packed{.token_ids = batch.token_ids, .cu_seqlens = batch.cu_seqlens, .token_type_ids = {}};
  const auto width = static_cast<size_t>(encoder.hidden_size());
  std::vector<float> hidden(batch.token_ids.size() * width), vector(width);
  ThreadPool pool(options.threads);
  const auto workspace = encoder.NewWorkspace();
  std::vector<double> times;
  for (int i = -std::max(5, options.iterations / 5); i < options.iterations; ++i) {
    const MonotonicTime start = MonotonicNow();
    encoder.Forward(packed, *workspace, pool, hidden);
    for (int s = 0; s < options.batch; ++s) {
      const size_t length = static_cast<size_t>(options.tokens) * width;
      Pool(std::span(hidden).subspan(static_cast<size_t>(s) * length, length), encoder.hidden_size(),
           model.sentence.pooling, model.sentence.normalize, vector);
    }
    if (i >= 0) times.push_back(MillisecondsSince(start));
  }
  std::sort(times.begin(), times.end());
  return times;
}

Status RunBenchEmbed(const Options& options) {
  BANTAM_TRY(const WeightType type, ParseWeightType(options.dtype));
  BANTAM_TRY(ModelFolder model, OpenModel(options.model));
  BANTAM_TRY(const auto encoder, LoadEncoder(model, {.weight_type = type}));
  if (options.tokens > encoder->max_positions()) {
    return Err(ErrorCode::kInvalidArgument, "--tokens {} is more than the {} positions of {}", options.tokens,
               encoder->max_positions(), EscapeForTerminal(model.name));
  }
  const std::vector<double> times = Measure(*encoder, model, options);
  const double median = times[times.size() / 2], p99 = times[times.size() * 99 / 100];
  const double per_second = options.batch * 1e3 / median;
  const std::string line =
      options.json
          ? fmt::format(
                R"({{"median_ms": {:.5f}, "min_ms": {:.5f}, "p99_ms": {:.5f}, "sequences_per_s": {:.1f}, "isa": "{}", )"
                R"("dtype": "{}", "batch": {}, "tokens": {}, "threads": {}, "iterations": {}}})"
                "\n",
                median, times.front(), p99, per_second, encoder->isa(), WeightTypeName(type), options.batch,
                options.tokens, options.threads, options.iterations)
          : fmt::format(
                "{} {} on {}, {} x {} tokens, {} threads: median {:.3f} ms, min {:.3f}, p99 {:.3f}; {:.0f} "
                "sequences/s\n",
                EscapeForTerminal(model.name), WeightTypeName(type), encoder->isa(), options.batch, options.tokens,
                options.threads, median, times.front(), p99, per_second);
  return WriteAll(1, line, "standard output");
}

}  // namespace

Run SetUpBench(CLI::App& app) {
  app.require_subcommand(1);
  CLI::App* embed = app.add_subcommand("embed", "The encoder alone: token ids in, unit vectors out");
  auto options = std::make_shared<Options>();
  embed->add_option("--model,-m", options->model, "A model in the store, or a model's folder")->capture_default_str();
  embed->add_option("--dtype", options->dtype, "f32 or int8")->capture_default_str();
  embed->add_option("--batch", options->batch, "Sequences in one pass")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  embed->add_option("--tokens", options->tokens, "Tokens of each sequence")
      ->capture_default_str()
      ->check(CLI::Range(1, 8192));
  embed->add_option("--threads", options->threads, "Threads of one pass")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  embed->add_option("--iterations", options->iterations, "Timed passes, after a fifth as many untimed")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  embed->add_flag("--json", options->json, "One JSON object instead of a sentence");
  embed->footer("  bantam bench embed --tokens 16 --dtype int8");
  return [options] { return RunBenchEmbed(*options); };
}

}  // namespace bantam::cli
