// bantam bench generate: a prompt of token ids through the decoder, then one token after the other; no tokenizer, no
// queue.
#include <fmt/format.h>

#include <optional>

#include "base/file_io.h"
#include "base/json.h"
#include "base/text_util.h"
#include "cli/bench_options.h"
#include "cli/output.h"
#include "engine/generation_engine.h"
#include "models/weight_memory.h"
#include "tasks/generate.h"

namespace bantam::cli {
namespace {

class Watch final : public GenerationListener {
 public:
  bool OnToken(const TokenChoice&) override {
    if (num_tokens_++ == 0) first_ = MonotonicNow();
    last_ = MonotonicNow();
    return true;
  }
  void OnDone(const Result<GenerationSummary>& summary) override { summary_ = summary; }

  MonotonicTime first() const { return first_; }
  int speculated() const { return summary_ && *summary_ ? (**summary_).speculated_tokens : 0; }
  int accepted() const { return summary_ && *summary_ ? (**summary_).accepted_tokens : 0; }
  // Of the tokens after the first.
  double milliseconds() const { return std::chrono::duration<double, std::milli>(last_ - first_).count(); }
  Status status() const { return summary_ && !*summary_ ? Status(summary_->error()) : Ok(); }

 private:
  int num_tokens_ = 0;
  MonotonicTime first_, last_;
  std::optional<Result<GenerationSummary>> summary_;
};

// Ids all over the vocabulary, the same in every run; or the beginning of a text.
Result<std::vector<int32_t>> Prompt(const BenchOptions& options, const Tokenizer* tokenizer, int vocab_size) {
  std::vector<int32_t> ids;
  if (options.text.empty()) {
    for (int64_t i = 0; i < options.prompt; ++i) ids.push_back(static_cast<int32_t>((i * 104'729 + 1) % vocab_size));
    return ids;
  }
  constexpr uint64_t kMostBytes = uint64_t{64} << 20;
  BANTAM_TRY(const std::string text, ReadFile(options.text, kMostBytes));
  ids = tokenizer->Encode(text, {}).ids;
  if (ids.size() < static_cast<size_t>(options.prompt)) {
    return Err(ErrorCode::kInvalidArgument, "{} has {} tokens, fewer than --prompt {}",
               EscapeForTerminal(options.text, 400), ids.size(), options.prompt);
  }
  ids.resize(static_cast<size_t>(options.prompt));
  return ids;
}

}  // namespace

Status RunBenchGenerate(const BenchOptions& options) {
  EndQuietlyOnClosedPipe();
  BANTAM_TRY(const WeightType type, options.dtype.TypeOfDecoder());
  BANTAM_TRY(ModelFolder model, OpenModel(options.model));
  BANTAM_TRY(const std::unique_ptr<Decoder> decoder, LoadDecoder(model, {.weight_type = type}));
  std::unique_ptr<Tokenizer> tokenizer;
  if (!options.text.empty() || !options.speculation.draft().empty()) {
    BANTAM_TRY(tokenizer, Tokenizer::Load(model.tokenizer_json));
  }
  std::unique_ptr<Decoder> draft;
  if (const std::string name = options.speculation.draft(); !name.empty()) {
    BANTAM_TRY(draft, LoadDraftDecoder(name, type, *tokenizer, model.name));
  }
  model.weights.reset();
  BANTAM_RETURN_IF_ERROR(options.dtype.Check(decoder->weight_type(), model.name));
  const int length = options.prompt + options.generate;
  if (length > decoder->max_positions()) {
    return Err(ErrorCode::kInvalidArgument, "--prompt {} and --generate {}: {} takes at most {} together",
               options.prompt, options.generate, model.name, decoder->max_positions());
  }
  const int threads = options.threads > 0 ? options.threads : ThreadPool::DefaultThreads();
  ThreadPool pool(threads);
  const int num_blocks = BlocksFor(length + 1);
  const KvCacheShape shape = CacheShapeOf(*decoder, options.kv_type.type());
  const size_t cache_bytes = static_cast<size_t>(num_blocks) * shape.block_bytes();
  BANTAM_TRY(WeightMemory cache, WeightMemory::Allocate(cache_bytes));
  std::optional<WeightMemory> draft_cache;
  DraftDecoder drafts;
  if (draft != nullptr) {
    const KvCacheShape draft_shape = CacheShapeOf(*draft, options.kv_type.type());
    BANTAM_TRY(WeightMemory memory,
               WeightMemory::Allocate(static_cast<size_t>(num_blocks) * draft_shape.block_bytes()));
    draft_cache.emplace(std::move(memory));
    drafts = {.decoder = draft.get(), .cache = {.shape = draft_shape, .data = draft_cache->writable().data()}};
  }
  GenerationLoop loop(*decoder, pool, {.shape = shape, .data = cache.writable().data()},
                      {.num_blocks = num_blocks, .prefix_cache = false, .speculation = options.speculation.Options()},
                      drafts);
  BANTAM_TRY(const std::vector<int32_t> ids, Prompt(options, tokenizer.get(), decoder->vocab_size()));
  std::vector<double> first_ms, decode_ms;
  int speculated = 0, accepted = 0;
  Status failed = Ok();
  const std::vector<double> times = Measure(options.measure, [&] {
    Watch watch;
    const MonotonicTime start = MonotonicNow();
    loop.Add(1,
             {.prompt_ids = ids, .sampling = {.temperature = 0}, .max_tokens = options.generate, .listener = &watch});
    while (loop.Step()) {
    }
    if (!watch.status()) failed = watch.status();
    first_ms.push_back(std::chrono::duration<double, std::milli>(watch.first() - start).count());
    decode_ms.push_back(watch.milliseconds());
    speculated = watch.speculated();
    accepted = watch.accepted();
  });
  BANTAM_RETURN_IF_ERROR(failed);
  // The passes that were timed: those before warmed up.
  const auto median = [&times](std::vector<double> values) {
    values.erase(values.begin(), values.end() - static_cast<ptrdiff_t>(times.size()));
    std::ranges::sort(values);
    return Quantile(values, 0.5);
  };
  const double ttft_ms = median(first_ms), decode = median(decode_ms);
  const double prefill_per_s = options.prompt * 1e3 / ttft_ms;
  const double decode_per_s = options.generate > 1 ? (options.generate - 1) * 1e3 / decode : 0;
  const std::string isa(decoder->isa()), dtype(WeightTypeName(decoder->weight_type()));
  if (options.json) {
    return Print(ToJson(json::object{{"model", model.name},
                                     {"prefill_tokens_per_s", prefill_per_s},
                                     {"decode_tokens_per_s", decode_per_s},
                                     {"ttft_ms", ttft_ms},
                                     {"prompt", options.prompt},
                                     {"generate", options.generate},
                                     {"speculated", speculated},
                                     {"accepted", accepted},
                                     {"isa", isa},
                                     {"dtype", dtype},
                                     {"threads", threads},
                                     {"repeat", times.size()},
                                     {"parameters", decoder->num_parameters()},
                                     {"weight_bytes", decoder->weight_bytes()},
                                     {"kv_type", KvTypeName(shape.type)},
                                     {"kv_cache_bytes", cache_bytes}}) +
                 "\n");
  }
  return Print(AlignFields({
      {"model", model.name},
      {"prefill_tokens_per_s", fmt::format("{:.1f}", prefill_per_s)},
      {"decode_tokens_per_s", fmt::format("{:.1f}", decode_per_s)},
      {"ttft_ms", fmt::format("{:.1f}", ttft_ms)},
      {"prompt", fmt::format("{}", options.prompt)},
      {"generate", fmt::format("{}", options.generate)},
      {"speculated", fmt::format("{}", speculated)},
      {"accepted", fmt::format("{}", accepted)},
      {"isa", isa},
      {"dtype", dtype},
      {"kv_type", std::string(KvTypeName(shape.type))},
      {"threads", fmt::format("{}", threads)},
      {"repeat", fmt::format("{}", times.size())},
  }));
}

}  // namespace bantam::cli
