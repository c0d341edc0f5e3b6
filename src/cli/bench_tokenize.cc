// bantam bench tokenize: lines of text in, token ids out, the lines shared out among the threads.
#include <fmt/format.h>

#include <atomic>

#include "base/json.h"
#include "base/thread_pool.h"
#include "cli/bench_options.h"
#include "cli/output.h"
#include "files/model_folder.h"
#include "text/tokenizer.h"

namespace bantam::cli {

Status RunBenchTokenize(const BenchOptions& options) {
  EndQuietlyOnClosedPipe();
  if (options.data.empty()) return Err(ErrorCode::kInvalidArgument, "give lines to tokenize: --data FILE");
  BANTAM_TRY(const ModelFolder model, OpenModel(options.model));
  BANTAM_TRY(const auto tokenizer, Tokenizer::Load(model.tokenizer_json));
  BANTAM_TRY(const std::vector<std::string> lines, ReadBenchData(options));
  size_t bytes = 0;
  for (const std::string& line : lines) bytes += line.size();

  const int threads = options.threads > 0 ? options.threads : ThreadPool::DefaultThreads();
  ThreadPool pool(threads);
  // Parts of some dozen lines: large against the cost of handing them out, small enough to end together.
  constexpr size_t kPart = 64;
  const auto parts = static_cast<int>((lines.size() + kPart - 1) / kPart);
  std::atomic<size_t> num_tokens = 0;
  const std::vector<double> times = Measure(options.measure, [&] {
    num_tokens = 0;
    pool.Run(parts, [&](int part, int) {
      const size_t begin = static_cast<size_t>(part) * kPart, end = std::min(begin + kPart, lines.size());
      size_t tokens = 0;
      for (size_t i = begin; i < end; ++i) tokens += tokenizer->Encode(lines[i], {}).ids.size();
      num_tokens += tokens;
    });
  });

  const double median_ms = Quantile(times, 0.5), min_ms = times.front(), p99_ms = Quantile(times, 0.99);
  const double mb_per_s = static_cast<double>(bytes) / 1e3 / median_ms;
  const double tokens_per_s = static_cast<double>(num_tokens.load()) * 1e3 / median_ms;
  if (options.json) {
    return Print(ToJson(json::object{{"model", model.name},
                                     {"kind", tokenizer->kind()},
                                     {"mb_per_s", mb_per_s},
                                     {"tokens_per_s", tokens_per_s},
                                     {"median_ms", median_ms},
                                     {"min_ms", min_ms},
                                     {"p99_ms", p99_ms},
                                     {"bytes", bytes},
                                     {"lines", lines.size()},
                                     {"tokens", num_tokens.load()},
                                     {"threads", threads},
                                     {"repeat", times.size()}}) +
                 "\n");
  }
  return Print(AlignFields({
      {"model", model.name},
      {"kind", std::string(tokenizer->kind())},
      {"mb_per_s", fmt::format("{:.2f}", mb_per_s)},
      {"tokens_per_s", fmt::format("{:.0f}", tokens_per_s)},
      {"median_ms", fmt::format("{:.3f}", median_ms)},
      {"min_ms", fmt::format("{:.3f}", min_ms)},
      {"p99_ms", fmt::format("{:.3f}", p99_ms)},
      {"lines", fmt::format("{}, {} bytes, {} tokens", lines.size(), bytes, num_tokens.load())},
      {"threads", fmt::format("{}", threads)},
      {"repeat", fmt::format("{}", times.size())},
  }));
}

}  // namespace bantam::cli
