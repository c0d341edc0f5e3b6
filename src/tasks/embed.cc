#include "tasks/embed.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/sha256.h"
#include "base/text_util.h"
#include "tasks/text_job.h"

namespace bantam {
namespace {

// Texts of a long list that are tokens at one time; sorting by length within this many already fills batches evenly.
constexpr size_t kListBlock = 4096;

class ModelEmbedder final : public Embedder {
 public:
  struct Parts {
    TextReader reader;
    std::unique_ptr<SentenceHead> head;
    std::optional<ValueRanges> ranges;
    std::shared_ptr<EmbeddingCache> cache;
    std::string weights_sha256;
  };

  ModelEmbedder(LoadedModel model, Parts parts)
      : model_name_(std::move(model.folder.name)),
        architecture_(std::move(model.folder.architecture)),
        in_use_(std::move(model.folder.in_use)),
        weights_sha256_(WithIdentity(model.folder, parts.weights_sha256)),
        sentence_(std::move(model.folder.sentence)),
        reader_(std::move(parts.reader)),
        head_(std::move(parts.head)),
        ranges_(std::move(parts.ranges)),
        cache_(std::move(parts.cache)),
        engine_(std::move(model.engine)) {
    if (const int layers = encoder().num_layers(); layers >= 2) with_middle_ = {layers / 2, layers};
    if (!sentence_.add_special_tokens) empty_ = VectorOfNothing();
    default_prompt_ = WithSpace(*reader_.Resolve({}, true));  // the config's own default is there
  }

  Result<Embedding> Embed(std::string_view text, EmbedCall call) override {
    BANTAM_RETURN_IF_ERROR(CheckHasOneVector());
    const TextPrompt& prompt = PromptOf(call);
    const Encoding encoding = reader_.Encode(text, prompt);
    BANTAM_RETURN_IF_ERROR(CheckLength(encoding, call));
    Embedding embedding = Describe(encoding, call);
    const uint32_t space = SpaceFor(prompt, call);
    if (IsEmpty(encoding, embedding.vector)) return embedding;
    if (cache_ != nullptr && cache_->Find(space, encoding.ids, embedding.vector)) return embedding;
    BANTAM_RETURN_IF_ERROR(RunOne(encoding.ids, call, prompt, nullptr, embedding.vector));
    if (cache_ != nullptr) cache_->Insert(space, encoding.ids, embedding.vector);
    return embedding;
  }

  Result<Embedding> EmbedUntil(std::string_view text, const EmbedCall& call, ExitJudge& judge) override {
    BANTAM_RETURN_IF_ERROR(CheckHasOneVector());
    const Encoding encoding = reader_.Encode(text, default_prompt_);
    Embedding embedding = Describe(encoding, call);
    if (IsEmpty(encoding, embedding.vector)) return embedding;
    BANTAM_RETURN_IF_ERROR(RunOne(encoding.ids, call, default_prompt_, &judge, embedding.vector));
    return embedding;
  }

  void EmbedBatchAsync(std::span<const std::string> texts, EmbedCall call,
                       std::function<void(Result<EmbeddedTexts>)> done) override {
    auto job = std::make_unique<TextJob>();
    const Result<bool> anything = Prepare(texts, call, *job);
    if (!anything) return done(anything.error());
    if (!*anything) return done(std::move(job->result));
    job->done = std::move(done);
    if (Status refused = engine_->Submit(*job); !refused) return job->done(std::move(refused).error());
    (void)job.release();  // Done deletes it
  }

  Result<EmbeddedTexts> EmbedTexts(std::span<const std::string> texts, EmbedCall call) override {
    TextJob job;
    BANTAM_TRY(const bool anything, Prepare(texts, call, job));
    if (anything) {
      BANTAM_RETURN_IF_ERROR(engine_->Run(job));
      job.Collect();
    }
    return std::move(job.result);
  }

  Result<TokenVectors> EmbedTokens(std::span<const std::string> texts, PromptChoice::Role role,
                                   EmbedCall call) override {
    BANTAM_TRY(const auto job, TokenJob(texts, role, call));
    BANTAM_RETURN_IF_ERROR(engine_->Run(*job));
    return job->Collect();
  }

  void EmbedTokensAsync(std::span<const std::string> texts, PromptChoice::Role role, EmbedCall call,
                        std::function<void(Result<TokenVectors>)> done) override {
    auto job = TokenJob(texts, role, call);
    if (!job) return done(std::move(job).error());
    (*job)->done = std::move(done);
    if (Status refused = engine_->Submit(**job); !refused) return (*job)->done(std::move(refused).error());
    (void)job->release();  // Done deletes it
  }

  Result<std::vector<Embedding>> EmbedBatch(std::span<const std::string> texts, EmbedCall call) override {
    BANTAM_TRY(const EmbeddedTexts embedded, EmbedTexts(texts, call));
    std::vector<Embedding> embeddings;
    embeddings.reserve(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::span<const float> row = embedded.vectors.row(i);
      const EmbeddedTexts::Text& text = embedded.texts[i];
      embeddings.push_back({{row.begin(), row.end()}, text.num_tokens, text.truncated, text.text_tokens});
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

  Result<TextPrompt> ResolvePrompt(const PromptChoice& choice, bool trusted) const override {
    BANTAM_TRY(TextPrompt prompt, reader_.Resolve(choice, trusted));
    return WithSpace(std::move(prompt));
  }

  int dimensions() const override { return head_ != nullptr ? head_->dimensions() : encoder().hidden_size(); }
  int middle_layer() const override { return with_middle_.empty() ? 0 : with_middle_.front(); }
  int max_tokens() const override { return reader_.max_tokens(); }
  const Tokenizer& tokenizer() const override { return reader_.tokenizer(); }
  const Encoder& encoder() const override { return engine_->encoder(); }
  EngineStats Stats() const override { return engine_->Stats(); }
  const EmbeddingCache* cache() const override { return cache_.get(); }
  const std::string& model_name() const override { return model_name_; }
  const std::string& architecture() const override { return architecture_; }
  const std::string& weights_sha256() const override { return weights_sha256_; }
  const SentenceConfig& sentence() const override { return sentence_; }
  const std::optional<ValueRanges>& ranges() const override { return ranges_; }

 private:
  // A head trained on vectors, and a cached vector, are good for the same modules and default prompt only.
  static std::string WithIdentity(const ModelFolder& model, const std::string& weights_sha256) {
    const SentenceConfig& sentence = model.sentence;
    const std::string* prompt = sentence.prompts.Find(sentence.prompts.default_name);
    const bool prompted = prompt != nullptr && !prompt->empty();
    if (!sentence.needs_head() && !prompted) return weights_sha256;
    std::string all = fmt::format("{}\n{}\n{}\n", weights_sha256, sentence.identity, sentence.include_prompt);
    for (const PoolingMode mode : sentence.pooling_modes) all += fmt::format("{} ", PoolingModeName(mode));
    if (prompted) all += "\n" + *prompt;
    return Sha256Hex(all);
  }

  std::vector<float> VectorOfNothing() const {
    std::vector<float> vector(static_cast<size_t>(dimensions()));  // the mean of no words is zero
    const SentenceHead::Text nothing{{}, 0, vector};
    if (head_ != nullptr) head_->Apply({&nothing, 1});
    return vector;
  }

  TextPrompt WithSpace(TextPrompt prompt) const {
    if (cache_ != nullptr) {
      // Of everything beside the token ids that decides a vector.
      const std::string name =
          fmt::format("{} {} {} {} {} {}", weights_sha256_, WeightTypeName(encoder().weight_type()), encoder().isa(),
                      static_cast<int>(sentence_.pooling), sentence_.normalize, prompt.skip_tokens);
      prompt.cache_space = cache_->SpaceOf(name);
      prompt.middle_cache_space = with_middle_.empty() ? prompt.cache_space : cache_->SpaceOf(name + " with middle");
    }
    return prompt;
  }

  Result<std::unique_ptr<TokenVectorJob>> TokenJob(std::span<const std::string> texts, PromptChoice::Role role,
                                                   EmbedCall call) const {
    TextPrompt of_role;
    if (call.prompt == nullptr && role != PromptChoice::Role::kNone) {
      BANTAM_TRY(of_role, reader_.Resolve({.role = role}, true));
      call.prompt = &of_role;
    }
    std::vector<TokenSequence> sequences;
    for (size_t i = 0; i < texts.size(); ++i) {
      const Encoding encoding = reader_.EncodeFor(texts[i], PromptOf(call), role);
      BANTAM_RETURN_IF_ERROR(CheckLength(encoding, call, i));
      if (encoding.ids.empty()) {
        return Err(ErrorCode::kInvalidArgument, "text {} has no tokens, so there is no vector", i + 1);
      }
      sequences.push_back(reader_.Expand(encoding, role));
    }
    const int columns = head_ != nullptr ? head_->token_dimensions() : encoder().hidden_size();
    auto job = std::make_unique<TokenVectorJob>(head_.get(), static_cast<size_t>(columns), std::move(sequences),
                                                call.deadline);
    job->times = call.times;
    return job;
  }

  Status CheckHasOneVector() const {
    if (sentence_.sparse.on) {
      return Err(ErrorCode::kUnsupported, "{} gives weights of words (SpladePooling), not a vector for a text",
                 model_name_);
    }
    if (!sentence_.multi_vector.on) return Ok();
    return Err(ErrorCode::kUnsupported, "{} has a vector for each token of a text, not one for the whole text",
               model_name_);
  }

  const TextPrompt& PromptOf(const EmbedCall& call) const {
    return call.prompt != nullptr ? *call.prompt : default_prompt_;
  }

  // Of a text's answer: one vector (none listed), or two.
  std::span<const int> LayersFor(const EmbedCall& call) const {
    return call.middle ? std::span<const int>(with_middle_) : std::span<const int>();
  }
  size_t ColumnsFor(const EmbedCall& call) const {
    return static_cast<size_t>(dimensions()) * std::max<size_t>(1, LayersFor(call).size());
  }
  static uint32_t SpaceFor(const TextPrompt& prompt, const EmbedCall& call) {
    return call.middle ? prompt.middle_cache_space : prompt.cache_space;
  }

  Embedding Describe(const Encoding& encoding, const EmbedCall& call) const {  // its vector is yet to be filled
    return {std::vector<float>(ColumnsFor(call)), encoding.ids.size(), encoding.truncated(),
            encoding.num_tokens_before_truncation};
  }

  Status CheckLength(const Encoding& encoding, const EmbedCall& call, size_t text = 0) const {
    if (call.truncate || !encoding.truncated()) return Ok();
    return Err(ErrorCode::kInvalidArgument, "text {} has {} tokens, {} reads {}: shorten it, or allow it to be cut",
               text + 1, encoding.num_tokens_before_truncation, model_name_, encoding.ids.size());
  }

  // A static model answers no words with what it makes of zeros; what reads special tokens always has some.
  bool IsEmpty(const Encoding& encoding, std::span<float> out) const {
    if (!encoding.ids.empty() || empty_.empty()) return false;
    FillWithNothing(empty_, out);
    return true;
  }

  Status RunOne(std::span<const int32_t> ids, const EmbedCall& call, const TextPrompt& prompt, ExitJudge* judge,
                std::span<float> out) {
    const std::array<int32_t, 2> borders{0, static_cast<int32_t>(ids.size())};
    return engine_->Run({.token_ids = ids,
                         .cu_seqlens = borders,
                         .pooling = sentence_.pooling,
                         .normalize = sentence_.normalize,
                         .head = head_.get(),
                         .skip_tokens = prompt.skip_tokens,
                         .deadline = call.deadline,
                         .judge = judge,
                         .layers = LayersFor(call),
                         .out = out});
  }

  // out(begin, count): where the vectors of those texts go.
  template <typename Out>
  Status EmbedBlocks(std::span<const std::string> texts, std::span<const int> layers,
                     const std::function<void(size_t done)>& progress, const Out& out) {
    BANTAM_RETURN_IF_ERROR(CheckHasOneVector());
    for (size_t begin = 0; begin < texts.size(); begin += kListBlock) {
      const auto block = texts.subspan(begin, std::min(kListBlock, texts.size() - begin));
      std::vector<std::vector<int32_t>> ids;
      for (const std::string& text : block) ids.push_back(reader_.Encode(text, default_prompt_).ids);
      EncodeListOptions options{.pooling = sentence_.pooling,
                                .normalize = sentence_.normalize,
                                .head = head_.get(),
                                .skip_tokens = default_prompt_.skip_tokens,
                                .layers = layers};
      if (progress) options.progress = [&progress, begin](size_t done) { progress(begin + done); };
      BANTAM_RETURN_IF_ERROR(EncodeBlock(ids, options, out(begin, block.size())));
    }
    return Ok();
  }

  // Texts without tokens do not reach the engine.
  Status EncodeBlock(const std::vector<std::vector<int32_t>>& ids, const EncodeListOptions& options,
                     std::span<float> out) {
    const auto none = [](const std::vector<int32_t>& text) { return text.empty(); };
    if (empty_.empty() || std::ranges::none_of(ids, none)) return engine_->EncodeAll(ids, options, out);
    const size_t columns = out.size() / ids.size();
    std::vector<std::vector<int32_t>> others;
    std::ranges::remove_copy_if(ids, std::back_inserter(others), none);
    std::vector<float> vectors(others.size() * columns);
    BANTAM_RETURN_IF_ERROR(engine_->EncodeAll(others, options, vectors));
    auto next = vectors.begin();
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto row = out.subspan(i * columns, columns);
      if (ids[i].empty()) {
        FillWithNothing(empty_, row);
      } else {
        std::copy_n(next, columns, row.begin());
        next += static_cast<ptrdiff_t>(columns);
      }
    }
    return Ok();
  }

  // False when there is nothing to compute.
  Result<bool> Prepare(std::span<const std::string> texts, const EmbedCall& call, TextJob& job) const {
    BANTAM_RETURN_IF_ERROR(CheckHasOneVector());
    const TextPrompt& prompt = PromptOf(call);
    std::vector<Encoding> encodings;
    encodings.reserve(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      encodings.push_back(reader_.Encode(texts[i], prompt));
      BANTAM_RETURN_IF_ERROR(CheckLength(encodings.back(), call, i));
    }
    job.times = call.times;
    return job.Prepare(encodings, {.sentence = &sentence_,
                                   .head = head_.get(),
                                   .prompt = &prompt,
                                   .empty = empty_,
                                   .layers = LayersFor(call),
                                   .columns = ColumnsFor(call),
                                   .deadline = call.deadline,
                                   .cache = cache_.get(),
                                   .space = SpaceFor(prompt, call)});
  }

  const std::string model_name_, architecture_;
  const std::shared_ptr<const ModelUse> in_use_;
  const std::string weights_sha256_;
  const SentenceConfig sentence_;
  const TextReader reader_;
  const std::unique_ptr<SentenceHead> head_;  // null: pooling by one mode does
  const std::optional<ValueRanges> ranges_;
  const std::shared_ptr<EmbeddingCache> cache_;
  std::vector<float> empty_;  // the vector of no tokens; none where those are an error
  TextPrompt default_prompt_;
  std::vector<int> with_middle_;                 // the middle layer and the last; empty: there is no middle
  const std::shared_ptr<EncoderEngine> engine_;  // last: its thread ends first, if nobody shares it
};

}  // namespace

Result<std::unique_ptr<Embedder>> Embedder::Load(std::string_view reference, const EmbedderOptions& options) {
  BANTAM_TRY(LoadedModel model, LoadModel(reference, {.weight_type = options.weight_type,
                                                      .num_threads = options.num_threads,
                                                      .engine = options.engine,
                                                      .heads = false,
                                                      .store = options.store,
                                                      .use_packed_files = options.use_packed_files}));
  return Create(std::move(model), options.cache);
}

Result<std::unique_ptr<Embedder>> Embedder::Create(LoadedModel model, std::shared_ptr<EmbeddingCache> cache) {
  const ModelFolder& folder = model.folder;
  const int hidden_size = model.encoder().hidden_size();
  auto reader = TextReader::Create(model.tokenizer, folder.sentence, model.encoder().max_positions());
  if (!reader) {
    const std::string place = EscapeForTerminal(folder.path.string(), 400);
    return Err(reader.error().code, "{}: {}", place, reader.error().message);
  }
  ModelEmbedder::Parts parts{
      .reader = *std::move(reader), .head = nullptr, .ranges = {}, .cache = std::move(cache), .weights_sha256 = {}};
  BANTAM_TRY(parts.weights_sha256, folder.identity.Sha256());
  if (folder.sentence.needs_head()) {
    BANTAM_TRY(parts.head, SentenceHead::Load(folder.sentence, hidden_size));
  }
  const int dimensions = parts.head != nullptr ? parts.head->dimensions() : hidden_size;
  std::error_code ignored;
  if (const Path ranges = folder.path / "embedding_ranges.npy"; std::filesystem::exists(ranges, ignored)) {
    BANTAM_TRY(parts.ranges, ReadRanges(ranges, static_cast<size_t>(dimensions)));
  }
  return std::unique_ptr<Embedder>(std::make_unique<ModelEmbedder>(std::move(model), std::move(parts)));
}

}  // namespace bantam
