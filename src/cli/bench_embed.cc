// bantam bench embed: token ids in, pooled vectors out; no tokenizer, no queue, no files.
#include <fmt/format.h>

#include "base/json.h"
#include "cli/bench_options.h"
#include "cli/output.h"
#include "layers/pooling.h"
#include "models/encoder.h"
#include "text/tokenizer.h"

namespace bantam::cli {
namespace {

// One call of the encoder.
struct Batch {
  std::vector<int32_t> ids, cu_seqlens = {0};

  size_t num_sequences() const { return cu_seqlens.size() - 1; }
  void Add(std::span<const int32_t> sequence) {
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
  }
};

// Ids all over the vocabulary, the same in every run: what they are does not change the time, where their rows lie
// does.
std::vector<Batch> UniformBatch(const BenchOptions& options, int vocab_size) {
  Batch batch;
  std::vector<int32_t> ids(static_cast<size_t>(options.tokens));
  for (int sequence = 0; sequence < options.batch; ++sequence) {
    for (int token = 0; token < options.tokens; ++token) {
      ids[static_cast<size_t>(token)] =
          static_cast<int32_t>((int64_t{sequence} * 7919 + int64_t{token} * 104'729 + 1) % vocab_size);
    }
    batch.Add(ids);
  }
  return {std::move(batch)};
}

// The lines of a file in their order, --batch at once, each cut where the model cuts.
Result<std::vector<Batch>> BatchesOfData(const BenchOptions& options, const Path& tokenizer_file, int max_tokens) {
  BANTAM_TRY(const std::vector<std::string> lines, ReadBenchData(options));
  BANTAM_TRY(const auto tokenizer, Tokenizer::Load(tokenizer_file));
  std::vector<Batch> batches;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i % static_cast<size_t>(options.batch) == 0) batches.emplace_back();
    batches.back().Add(tokenizer->Encode(lines[i], {.max_tokens = static_cast<size_t>(max_tokens)}).ids);
  }
  return batches;
}

}  // namespace

Status RunBenchEmbed(const BenchOptions& options) {
  EndQuietlyOnClosedPipe();
  BANTAM_TRY(const WeightType type, options.dtype.Type());
  BANTAM_TRY(ModelFolder model, OpenModel(options.model));
  BANTAM_TRY(const auto encoder, LoadEncoder(model, {.weight_type = type}));
  model.weights.reset();
  BANTAM_RETURN_IF_ERROR(options.dtype.Check(*encoder, model.name));
  const bool uniform = options.data.empty();
  if (uniform && options.tokens > encoder->max_positions()) {
    return Err(ErrorCode::kInvalidArgument, "--tokens {}: {} takes at most {}", options.tokens, model.name,
               encoder->max_positions());
  }
  std::vector<Batch> batches;
  if (uniform) {
    batches = UniformBatch(options, encoder->vocab_size());
  } else {
    const int limit = model.sentence.max_seq_length;
    const int max_tokens = limit > 0 ? std::min(limit, encoder->max_positions()) : encoder->max_positions();
    BANTAM_TRY(batches, BatchesOfData(options, model.tokenizer_json, max_tokens));
  }
  size_t num_sequences = 0, num_tokens = 0, most_sequences = 0, most_tokens = 0;
  for (const Batch& batch : batches) {
    num_sequences += batch.num_sequences();
    num_tokens += batch.ids.size();
    most_sequences = std::max(most_sequences, batch.num_sequences());
    most_tokens = std::max(most_tokens, batch.ids.size());
  }

  const int threads = options.threads > 0 ? options.threads : ThreadPool::DefaultThreads();
  ThreadPool pool(threads);
  const auto workspace = encoder->NewWorkspace();
  const auto width = static_cast<size_t>(encoder->hidden_size());
  AlignedBuffer<float> hidden(most_tokens * width);
  std::vector<float> pooled(most_sequences * width);
  const std::vector<double> times = Measure(options.measure, [&] {
    for (const Batch& batch : batches) {
      const std::span<float> out(hidden.data(), batch.ids.size() * width);
      encoder->Forward({.token_ids = batch.ids, .cu_seqlens = batch.cu_seqlens, .token_type_ids = {}}, *workspace, pool,
                       out);
      for (size_t i = 0; i < batch.num_sequences(); ++i) {
        const auto begin = static_cast<size_t>(batch.cu_seqlens[i]) * width,
                   end = static_cast<size_t>(batch.cu_seqlens[i + 1]) * width;
        Pool(out.subspan(begin, end - begin), encoder->hidden_size(), model.sentence.pooling, model.sentence.normalize,
             std::span(pooled).subspan(i * width, width));
      }
    }
  });

  const double median_ms = Quantile(times, 0.5), min_ms = times.front(), p99_ms = Quantile(times, 0.99);
  const double sequences_per_s = static_cast<double>(num_sequences) * 1e3 / median_ms;
  const std::string isa(encoder->isa()), dtype(WeightTypeName(encoder->weight_type()));
  if (options.json) {
    json::object out{{"model", model.name},
                     {"median_ms", median_ms},
                     {"min_ms", min_ms},
                     {"p99_ms", p99_ms},
                     {"sequences_per_s", sequences_per_s},
                     {"isa", isa},
                     {"dtype", dtype},
                     {"batch", options.batch},
                     {"tokens", uniform ? json::value(options.tokens) : json::value(num_tokens)},
                     {"threads", threads},
                     {"repeat", times.size()},
                     {"parameters", encoder->num_parameters()},
                     {"weight_bytes", encoder->weight_bytes()}};
    if (!uniform) out["sequences"] = num_sequences;  // a pass is then over all of them, and `tokens` is their sum
    return Print(ToJson(out) + "\n");
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
      {"tokens", uniform ? fmt::format("{}", options.tokens)
                         : fmt::format("{} in {} sequences, all in one pass", num_tokens, num_sequences)},
      {"threads", fmt::format("{}", threads)},
      {"repeat", fmt::format("{}", times.size())},
  }));
}

}  // namespace bantam::cli
