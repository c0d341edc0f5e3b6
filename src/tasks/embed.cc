#include "tasks/embed.h"

#include <algorithm>
#include <utility>

#include "base/text_util.h"

namespace bantam {
namespace {

// Texts of a long list that are tokens at one time; sorting by length within this many already fills batches evenly.
constexpr size_t kListBlock = 4096;

class ModelEmbedder final : public Embedder {
 public:
  ModelEmbedder(ModelFolder model, std::unique_ptr<Tokenizer> tokenizer, std::unique_ptr<EncoderEngine> engine,
                int max_tokens)
      : model_name_(std::move(model.name)),
        weights_sha256_(std::move(model.weights_sha256)),
        sentence_(model.sentence),
        max_tokens_(max_tokens),
        tokenizer_(std::move(tokenizer)),
        engine_(std::move(engine)) {}

  Result<Embedding> Embed(std::string_view text, MonotonicTime deadline) override {
    return EmbedOne(text, deadline, nullptr);
  }

  Result<Embedding> EmbedUntil(std::string_view text, MonotonicTime deadline, ExitJudge& judge) override {
    return EmbedOne(text, deadline, &judge);
  }

  void EmbedAsync(std::string_view text, MonotonicTime deadline, std::function<void(Result<Embedding>)> done) override {
    Encoding encoding = Tokenize(text);
    Embedding embedding = Describe(encoding);
    EncodeRequest request = Request(std::move(encoding), deadline);
    // Shared: a refused request's callback is gone with the request, and `done` is still owed its answer.
    const auto shared = std::make_shared<std::function<void(Result<Embedding>)>>(std::move(done));
    request.done = [shared, embedding = std::move(embedding)](Result<std::vector<float>> vector) mutable {
      if (!vector) return (*shared)(std::move(vector).error());
      embedding.vector = *std::move(vector);
      (*shared)(std::move(embedding));
    };
    if (Status refused = engine_->Submit(std::move(request)); !refused) (*shared)(std::move(refused).error());
  }

  Result<std::vector<Embedding>> EmbedBatch(std::span<const std::string> texts, MonotonicTime deadline) override {
    std::vector<Embedding> embeddings;
    std::vector<std::vector<int32_t>> ids;
    for (const std::string& text : texts) {
      Encoding encoding = Tokenize(text);
      embeddings.push_back(Describe(encoding));
      ids.push_back(std::move(encoding.ids));
    }
    const auto columns = static_cast<size_t>(dimensions());
    std::vector<float> values(texts.size() * columns);
    BANTAM_RETURN_IF_ERROR(engine_->EncodeAll(ids, ListOptions(deadline, true), values));
    for (size_t i = 0; i < embeddings.size(); ++i) {
      const auto row = std::span<const float>(values).subspan(i * columns, columns);
      embeddings[i].vector.assign(row.begin(), row.end());
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
  const std::string& model_name() const override { return model_name_; }
  const std::string& weights_sha256() const override { return weights_sha256_; }

 private:
  Result<Embedding> EmbedOne(std::string_view text, MonotonicTime deadline, ExitJudge* judge) {
    Encoding encoding = Tokenize(text);
    Embedding embedding = Describe(encoding);
    EncodeRequest request = Request(std::move(encoding), deadline);
    request.judge = judge;
    BANTAM_TRY(embedding.vector, engine_->Encode(std::move(request)));
    return embedding;
  }

  // out(begin, count): where the vectors of those texts go.
  template <typename Out>
  Status EmbedBlocks(std::span<const std::string> texts, std::span<const int> layers,
                     const std::function<void(size_t done)>& progress, const Out& out) {
    for (size_t begin = 0; begin < texts.size(); begin += kListBlock) {
      const auto block = texts.subspan(begin, std::min(kListBlock, texts.size() - begin));
      std::vector<std::vector<int32_t>> ids;
      for (const std::string& text : block) ids.push_back(Tokenize(text).ids);
      EncodeListOptions options = ListOptions(MonotonicTime::max(), false);
      options.layers = layers;
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
  static Embedding Describe(const Encoding& encoding) { return {{}, encoding.ids.size(), encoding.truncated()}; }
  EncodeRequest Request(Encoding encoding, MonotonicTime deadline) const {
    return {.token_ids = std::move(encoding.ids),
            .pooling = sentence_.pooling,
            .normalize = sentence_.normalize,
            .deadline = deadline};
  }
  EncodeListOptions ListOptions(MonotonicTime deadline, bool counts_against_queue) const {
    return {.pooling = sentence_.pooling,
            .normalize = sentence_.normalize,
            .deadline = deadline,
            .counts_against_queue = counts_against_queue};
  }

  const std::string model_name_, weights_sha256_;
  const SentenceConfig sentence_;
  const int max_tokens_;
  const std::unique_ptr<Tokenizer> tokenizer_;
  const std::unique_ptr<EncoderEngine> engine_;  // last: its thread ends first
};

}  // namespace

Result<std::unique_ptr<Embedder>> Embedder::Load(std::string_view reference, const EmbedderOptions& options) {
  BANTAM_TRY(ModelFolder model, OpenModel(reference));
  const std::string place = EscapeForTerminal(model.path.string(), 400);
  if (model.tokenizer_json.empty()) {
    return Err(ErrorCode::kNotFound, "{} has no tokenizer.json, without which text cannot be read", place);
  }
  BANTAM_TRY(auto tokenizer, Tokenizer::Load(model.tokenizer_json));
  BANTAM_TRY(auto encoder, LoadEncoder(model, {.weight_type = options.weight_type}));
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
  return std::unique_ptr<Embedder>(
      std::make_unique<ModelEmbedder>(std::move(model), std::move(tokenizer), std::move(engine), max_tokens));
}

}  // namespace bantam
