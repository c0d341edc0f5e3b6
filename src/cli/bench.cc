// bantam bench: how fast a model is here. Token ids in, pooled vectors out; no tokenizer, no queue, no files.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "layers/pooling.h"
#include "models/encoder.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string what;
  std::string model = "all-MiniLM-L6-v2";
  std::string dtype = "int8";
  int batch = 1, tokens = 16, threads = 0, repeat = 0;
  bool json = false;
};

constexpr double kWarmUpMs = 300, kMeasureMs = 2000;
constexpr size_t kMinRuns = 20;

// The p-quantile of sorted values: the smallest value that at least that share does not exceed.
double Quantile(const std::vector<double>& sorted, double p) {
  const auto rank = static_cast<size_t>(std::ceil(p * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

// Sorted milliseconds of one pass each.
template <typename Pass>
std::vector<double> Measure(int repeat, Pass&& pass) {
  ProgressBar progress("bench");
  const MonotonicTime warm_up = MonotonicNow();
  do pass();
  while (MillisecondsSince(warm_up) < kWarmUpMs);
  std::vector<double> times;
  const MonotonicTime start = MonotonicNow();
  const auto enough = [&] {
    if (repeat > 0) return times.size() >= static_cast<size_t>(repeat);
    return times.size() >= kMinRuns && MillisecondsSince(start) >= kMeasureMs;
  };
  while (!enough()) {
    const MonotonicTime begin = MonotonicNow();
    pass();
    times.push_back(MillisecondsSince(begin));
    progress.Update("",
                    repeat > 0 ? static_cast<double>(times.size()) / repeat : MillisecondsSince(start) / kMeasureMs);
  }
  std::sort(times.begin(), times.end());
  return times;
}

Status RunBench(const Options& options) {
  EndQuietlyOnClosedPipe();
  BANTAM_TRY(const WeightType type, ParseWeightType(options.dtype));
  BANTAM_TRY(ModelFolder model, OpenModel(options.model));
  BANTAM_TRY(const auto encoder, LoadEncoder(model, {.weight_type = type}));
  model.weights.reset();
  if (options.tokens > encoder->max_positions()) {
    return Err(ErrorCode::kInvalidArgument, "--tokens {}: {} takes at most {}", options.tokens, model.name,
               encoder->max_positions());
  }
  const int threads = options.threads > 0 ? options.threads : ThreadPool::DefaultThreads();
  ThreadPool pool(threads);
  const auto workspace = encoder->NewWorkspace();

  // Ids all over the vocabulary, the same in every run: what they are does not change the time, where their rows lie
  // does.
  std::vector<int32_t> ids, cu_seqlens = {0};
  for (int sequence = 0; sequence < options.batch; ++sequence) {
    for (int token = 0; token < options.tokens; ++token) {
      ids.push_back(
          static_cast<int32_t>((int64_t{sequence} * 7919 + int64_t{token} * 104'729 + 1) % encoder->vocab_size()));
    }
    cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
  }
  const auto hidden_size = static_cast<size_t>(encoder->hidden_size()), tokens = static_cast<size_t>(options.tokens);
  AlignedBuffer<float> hidden(ids.size() * hidden_size);
  std::vector<float> pooled(static_cast<size_t>(options.batch) * hidden_size);
  const std::span<float> hidden_span(hidden.data(), hidden.size());
  const EncoderBatch batch{.token_ids = ids, .cu_seqlens = cu_seqlens, .token_type_ids = {}};
  const std::vector<double> times = Measure(options.repeat, [&] {
    encoder->Forward(batch, *workspace, pool, hidden_span);
    for (size_t i = 0; i < static_cast<size_t>(options.batch); ++i) {
      Pool(hidden_span.subspan(i * tokens * hidden_size, tokens * hidden_size), encoder->hidden_size(),
           model.sentence.pooling, model.sentence.normalize, std::span(pooled).subspan(i * hidden_size, hidden_size));
    }
  });

  const double median_ms = Quantile(times, 0.5), min_ms = times.front(), p99_ms = Quantile(times, 0.99);
  const double sequences_per_s = options.batch * 1e3 / median_ms;
  const std::string isa(encoder->isa()), dtype(WeightTypeName(type));
  if (options.json) {
    return Print(ToJson(json::object{{"model", model.name},
                                     {"median_ms", median_ms},
                                     {"min_ms", min_ms},
                                     {"p99_ms", p99_ms},
                                     {"sequences_per_s", sequences_per_s},
                                     {"isa", isa},
                                     {"dtype", dtype},
                                     {"batch", options.batch},
                                     {"tokens", options.tokens},
                                     {"threads", threads},
                                     {"repeat", times.size()}}) +
                 "\n");
  }
  return Print(AlignFields({
      {"model", model.name},
      {"median_ms", fmt::format("{:.3f}", median_ms)},
      {"min_ms", fmt::format("{:.3f}", min_ms)},
      {"p99_ms", fmt::format("{:.3f}", p99_ms)},
      {"sequences_per_s", fmt::format("{:.1f}", sequences_per_s)},
      {"isa", isa},
      {"dtype", dtype},
      {"batch", fmt::format("{}", options.batch)},
      {"tokens", fmt::format("{}", options.tokens)},
      {"threads", fmt::format("{}", threads)},
      {"repeat", fmt::format("{}", times.size())},
  }));
}

}  // namespace

Run SetUpBench(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("WHAT", options->what, "What to measure: embed")->required()->check(CLI::IsMember({"embed"}));
  app.add_option("--model,-m", options->model, "A name from 'bantam list', or a folder")->capture_default_str();
  app.add_option("--dtype", options->dtype, "Weights: f32, or int8 (smaller and faster)")
      ->check(CLI::IsMember({"f32", "int8"}))
      ->capture_default_str();
  app.add_option("--batch,-b", options->batch, "Sequences at once")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--tokens", options->tokens, "Tokens in each sequence")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--threads,-t", options->threads, "Threads; by default all that this process may use")
      ->check(CLI::Range(1, 1024));
  app.add_option("--repeat,--iterations", options->repeat,
                 "Timed passes; by default as many as fit into two seconds, at least 20")
      ->check(CLI::Range(1, 1'000'000));
  app.add_flag("--json", options->json, "One JSON object instead of text");
  app.footer(
      "Token ids in, pooled vectors out: the encoder alone, warmed up, without tokenizer, queue or HTTP.\n\n"
      "Examples:\n"
      "  bantam bench embed --batch 1 --tokens 16 --threads 1 --dtype int8\n"
      "  bantam bench embed --batch 32 --tokens 128 --repeat 50 --json\n"
      "  BANTAM_ISA=avx2 bantam bench embed");
  return [options] { return RunBench(*options); };
}

}  // namespace bantam::cli
