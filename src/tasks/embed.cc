#include "tasks/embed.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text_util.h"
#include "engine/packed_batch.h"

namespace bantam {
namespace {

// Texts of a long list that are tokens at one time; sorting by length within this many already fills batches evenly.
constexpr size_t kListBlock = 4096;

// The texts of one request on their way: each distinct one that the cache does not have is computed once.
class TextJob final : public EncodeJob {
 public:
  EmbeddedTexts result;
  std::function<void(Result<EmbeddedTexts>)> done;  // empty: somebody waits for Run

  // Before Submit or Run. False when the cache had everything.
  bool Prepare(std::span<const Encoding> encodings, const SentenceConfig& sentence, size_t columns, MonotonicTime until,
               EmbeddingCache* cache, uint32_t space) {
    cache_ = cache;
    space_ = space;
    result.vectors = {encodings.size(), columns, std::vector<float>(encodings.size() * columns)};
    result.texts.reserve(encodings.size());
    rows_.reserve(encodings.size());
    for (size_t i = 0; i < encodings.size(); ++i) {
      const Encoding& encoding = encodings[i];
      result.texts.push_back({static_cast<uint32_t>(encoding.ids.size()), encoding.truncated()});
      const bool known = cache != nullptr && cache->Find(space, encoding.ids, Row(i));
      rows_.push_back(known ? kKnown : batch_.Add(encoding.ids));
    }
    token_ids = batch_.token_ids();
    cu_seqlens = batch_.cu_seqlens();
    pooling = sentence.pooling;
    normalize = sentence.normalize;
    deadline = until;
    direct_ = batch_.num_sequences() == encodings.size();
    if (direct_) {
      out = result.vectors.values;
    } else {
      computed_.resize(batch_.num_sequences() * columns);
      out = computed_;
    }
    return batch_.num_sequences() > 0;
  }

  // After a successful Run.
  void Collect() {
    const size_t columns = result.vectors.columns;
    if (cache_ != nullptr) {
      for (size_t row = 0; row < batch_.num_sequences(); ++row) {
        cache_->Insert(space_, batch_.sequence(row), out.subspan(row * columns, columns));
      }
    }
    if (direct_) return;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i] != kKnown) std::ranges::copy(out.subspan(rows_[i] * columns, columns), Row(i).begin());
    }
  }

  void Done(Status status) override {
    const std::unique_ptr<TextJob> self(this);
    if (!status) return done(std::move(status).error());
    Collect();
    done(std::move(result));
  }

 private:
  static constexpr size_t kKnown = SIZE_MAX;
  std::span<float> Row(size_t i) {
    return std::span(result.vectors.values).subspan(i * result.vectors.columns, result.vectors.columns);
  }

  PackedBatch batch_;
  std::vector<size_t> rows_;  // by text: which sequence of batch_ it is
  std::vector<float> computed_;
  bool direct_ = false;  // the sequences are the texts one for one
  EmbeddingCache* cache_ = nullptr;
  uint32_t space_ = 0;
};

class ModelEmbedder final : public Embedder {
 public:
  ModelEmbedder(ModelFolder model, std::unique_ptr<Tokenizer> tokenizer, std::unique_ptr<EncoderEngine> engine,
                int max_tokens, std::shared_ptr<EmbeddingCache> cache)
      : model_name_(std::move(model.name)),
        architecture_(std::move(model.architecture)),
        weights_sha256_(std::move(model.weights_sha256)),
        sentence_(model.sentence),
        max_tokens_(max_tokens),
        tokenizer_(std::move(tokenizer)),
        cache_(std::move(cache)),
        engine_(std::move(engine)) {
    if (cache_ == nullptr) return;
    space_ = cache_->SpaceOf(fmt::format("{} {} {} {} {}", weights_sha256_, WeightTypeName(encoder().weight_type()),
                                         encoder().isa(), static_cast<int>(sentence_.pooling), sentence_.normalize));
  }

  Result<Embedding> Embed(std::string_view text, MonotonicTime deadline) override {
    const Encoding encoding = Tokenize(text);
    Embedding embedding = Describe(encoding);
    if (cache_ != nullptr && cache_->Find(space_, encoding.ids, embedding.vector)) return embedding;
    BANTAM_RETURN_IF_ERROR(RunOne(encoding.ids, deadline, nullptr, embedding.vector));
    if (cache_ != nullptr) cache_->Insert(space_, encoding.ids, embedding.vector);
    return embedding;
  }

  Result<Embedding> EmbedUntil(std::string_view text, MonotonicTime deadline, ExitJudge& judge) override {
    const Encoding encoding = Tokenize(text);
    Embedding embedding = Describe(encoding);
    BANTAM_RETURN_IF_ERROR(RunOne(encoding.ids, deadline, &judge, embedding.vector));
    return embedding;
  }

  void EmbedBatchAsync(std::span<const std::string> texts, MonotonicTime deadline,
                       std::function<void(Result<EmbeddedTexts>)> done) override {
    auto job = std::make_unique<TextJob>();
    if (!Prepare(texts, deadline, *job)) return done(std::move(job->result));
    job->done = std::move(done);
    if (Status refused = engine_->Submit(*job); !refused) return job->done(std::move(refused).error());
    (void)job.release();  // Done deletes it
  }

  Result<EmbeddedTexts> EmbedTexts(std::span<const std::string> texts, MonotonicTime deadline) override {
    TextJob job;
    if (Prepare(texts, deadline, job)) {
      BANTAM_RETURN_IF_ERROR(engine_->Run(job));
      job.Collect();
    }
    return std::move(job.result);
  }

  Result<std::vector<Embedding>> EmbedBatch(std::span<const std::string> texts, MonotonicTime deadline) override {
    BANTAM_TRY(const EmbeddedTexts embedded, EmbedTexts(texts, deadline));
    std::vector<Embedding> embeddings;
    embeddings.reserve(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::span<const float> row = embedded.vectors.row(i);
      embeddings.push_back({{row.begin(), row.end()}, embedded.texts[i].num_tokens, embedded.texts[i].truncated});
    }
    return embeddings;
  }

  Result<EmbeddingMatrix> EmbedAll(std::span<const std::string> texts,
                                   const std::function<void(size_t done)>& progress) override {
    EmbeddingMatrix matrix{texts.size(), static_cast<size_t>(dimensions()), {}};
    matrix.values.resize(matrix.rows * matrix.columns);
    const auto values = std::span(matrix.values);
    BANTAM_RETURN_IF_ERROR(EmbedBlocks(texts, {}, progress, [&](size_t begin, size_t count) {
      return values.subspan(begin * matrix.columns, count * matrix.columns);
    }));
    return matrix;
  }

  Result<std::vector<EmbeddingMatrix>> EmbedLayers(std::span<const std::string> texts, std::span<const int> layers,
                                                   const std::function<void(size_t done)>& progress) override {
    const auto columns = static_cast<size_t>(dimensions());
    std::vector<EmbeddingMatrix> matrices(layers.size(), {texts.size(), columns, {}});
    for (EmbeddingMatrix& matrix : matrices) matrix.values.resize(texts.size() * columns);
    // A block holds each text's layers side by side.
    std::vector<float> block(std::min(kListBlock, texts.size()) * layers.size() * columns);
    for (size_t begin = 0; begin < texts.size(); begin += kListBlock) {
      const auto part = texts.subspan(begin, std::min(kListBlock, texts.size() - begin));
      const auto part_progress = [&](size_t done) {
        if (progress) progress(begin + done);
      };
      const auto out = std::span(block).first(part.size() * layers.size() * columns);
      BANTAM_RETURN_IF_ERROR(EmbedBlocks(part, layers, part_progress, [&](size_t, size_t) { return out; }));
      for (size_t at = 0; at < part.size() * layers.size(); ++at) {
        std::ranges::copy(out.subspan(at * columns, columns),
                          matrices[at % layers.size()].values.begin() +
                              static_cast<ptrdiff_t>((begin + at / layers.size()) * columns));
      }
    }
    return matrices;
  }

  int dimensions() const override { return encoder().hidden_size(); }
  int max_tokens() const override { return max_tokens_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  const Encoder& encoder() const override { return engine_->encoder(); }
  EngineStats Stats() const override { return engine_->Stats(); }
  const EmbeddingCache* cache() const override { return cache_.get(); }
  const std::string& model_name() const override { return model_name_; }
  const std::string& architecture() const override { return architecture_; }
  const std::string& weights_sha256() const override { return weights_sha256_; }

 private:
  Embedding Describe(const Encoding& encoding) const {  // its vector is yet to be filled
    return {std::vector<float>(static_cast<size_t>(dimensions())), encoding.ids.size(), encoding.truncated()};
  }

  Status RunOne(std::span<const int32_t> ids, MonotonicTime deadline, ExitJudge* judge, std::span<float> out) {
    const std::array<int32_t, 2> borders{0, static_cast<int32_t>(ids.size())};
    return engine_->Run({.token_ids = ids,
                         .cu_seqlens = borders,
                         .pooling = sentence_.pooling,
                         .normalize = sentence_.normalize,
                         .deadline = deadline,
                         .judge = judge,
                         .out = out});
  }

  // out(begin, count): where the vectors of those texts go.
  template <typename Out>
  Status EmbedBlocks(std::span<const std::string> texts, std::span<const int> layers,
                     const std::function<void(size_t done)>& progress, const Out& out) {
    for (size_t begin = 0; begin < texts.size(); begin += kListBlock) {
      const auto block = texts.subspan(begin, std::min(kListBlock, texts.size() - begin));
      std::vector<std::vector<int32_t>> ids;
      for (const std::string& text : block) ids.push_back(Tokenize(text).ids);
      EncodeListOptions options{.pooling = sentence_.pooling, .normalize = sentence_.normalize, .layers = layers};
      if (progress) options.progress = [&progress, begin](size_t done) { progress(begin + done); };
      BANTAM_RETURN_IF_ERROR(engine_->EncodeAll(ids, options, out(begin, block.size())));
    }
    return Ok();
  }

  Encoding Tokenize(std::string_view text) const {
    return tokenizer_->Encode(text, {.add_special_tokens = sentence_.add_special_tokens,
                                     .recognize_special_tokens = false,
                                     .offsets = false,
                                     .max_tokens = static_cast<size_t>(max_tokens_)});
  }
  // False when there is nothing to compute.
  bool Prepare(std::span<const std::string> texts, MonotonicTime deadline, TextJob& job) const {
    std::vector<Encoding> encodings;
    encodings.reserve(texts.size());
    for (const std::string& text : texts) encodings.push_back(Tokenize(text));
    return job.Prepare(encodings, sentence_, static_cast<size_t>(dimensions()), deadline, cache_.get(), space_);
  }

  const std::string model_name_, architecture_, weights_sha256_;
  const SentenceConfig sentence_;
  const int max_tokens_;
  const std::unique_ptr<Tokenizer> tokenizer_;
  const std::shared_ptr<EmbeddingCache> cache_;
  uint32_t space_ = 0;
  const std::unique_ptr<EncoderEngine> engine_;  // last: its thread ends first
};

}  // namespace

Result<std::unique_ptr<Embedder>> Embedder::Load(std::string_view reference, const EmbedderOptions& options) {
  BANTAM_TRY(ModelFolder model, OpenModel(reference, options.store));
  const std::string place = EscapeForTerminal(model.path.string(), 400);
  if (model.tokenizer_json.empty()) {
    return Err(ErrorCode::kNotFound, "{} has no tokenizer.json, without which text cannot be read", place);
  }
  BANTAM_TRY(auto tokenizer, Tokenizer::Load(model.tokenizer_json));
  BANTAM_TRY(auto encoder,
             LoadEncoder(model, {.weight_type = options.weight_type, .use_packed_files = options.use_packed_files}));
  model.weights.reset();  // the encoder has its own copy; from here on nobody can pull the file away under us
  if (tokenizer->vocab_size() > encoder->vocab_size()) {
    return Err(ErrorCode::kCorrupt, "{}: tokenizer.json has token ids up to {}, the model's table has {} rows", place,
               tokenizer->vocab_size() - 1, encoder->vocab_size());
  }
  const int configured = model.sentence.max_seq_length;
  const int max_tokens = configured > 0 ? std::min(configured, encoder->max_positions()) : encoder->max_positions();
  EngineOptions engine_options = options.engine;
  if (options.num_threads > 0) engine_options.num_threads = options.num_threads;
  auto engine = EncoderEngine::Create(std::move(encoder), engine_options);
  return std::unique_ptr<Embedder>(std::make_unique<ModelEmbedder>(std::move(model), std::move(tokenizer),
                                                                   std::move(engine), max_tokens, options.cache));
}

}  // namespace bantam
