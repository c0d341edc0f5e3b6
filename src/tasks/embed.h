// Texts -> sentence embeddings: tokenizer, encoder, pooling and limits of one model folder, behind one call.
//
//   BANTAM_TRY(auto embedder, Embedder::Load("all-MiniLM-L6-v2", {.weight_type = WeightType::kInt8}));
//   BANTAM_TRY(Embedding e, embedder->Embed("Where is my refund?"));
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/encoder_engine.h"
#include "tasks/embedding_cache.h"
#include "tasks/loaded_model.h"
#include "tasks/text_reader.h"
#include "tasks/token_vectors.h"
#include "tasks/vector_types.h"
#include "text/tokenizer.h"

namespace bantam {

struct Embedding {
  std::vector<float> vector;  // [dimensions()], or [2, dimensions()] with EmbedCall::middle
  size_t num_tokens = 0;      // what the model read, prompt and special tokens included
  bool truncated = false;     // the text was longer than max_tokens()
  size_t text_tokens = 0;     // what it would have been without that limit
};

// A row-major matrix of embeddings. values: [rows, columns]
struct EmbeddingMatrix {
  size_t rows = 0;
  size_t columns = 0;
  std::vector<float> values;
  std::span<const float> row(size_t i) const { return {values.data() + i * columns, columns}; }
};

// Of a list of texts, in its order.
struct EmbeddedTexts {
  EmbeddingMatrix vectors;
  struct Text {
    uint32_t num_tokens = 0;
    bool truncated = false;
    uint32_t text_tokens = 0;
  };
  std::vector<Text> texts;
};

// How one call differs from the plain one.
struct EmbedCall {
  EmbedCall(MonotonicTime until = MonotonicTime::max()) : deadline(until) {}  // NOLINT: most calls give just that
  MonotonicTime deadline;
  const TextPrompt* prompt = nullptr;  // null: the model's default prompt; read before the call returns
  bool truncate = true;                // false: a text longer than max_tokens() is an error that names it
  EngineTimes* times = nullptr;        // of a list of texts: gets those of the engine; must live until the answer
  // The vector after the middle layer before that of the last, for who learns from vectors: they know more together.
  // Without effect on a model that has no middle_layer().
  bool middle = false;
};

struct EmbedderOptions {
  WeightType weight_type = WeightType::kInt8;
  int num_threads = 0;  // 0 = all this process may use
  EngineOptions engine = {};
  std::shared_ptr<EmbeddingCache> cache = nullptr;  // may be shared by many embedders; null: none
  std::optional<Path> store = {};                   // where names are looked up; empty: $BANTAM_HOME/models
  bool use_packed_files = true;                     // as EncoderOptions
};

// Thread-safe. User text never becomes a special token.
class Embedder {
 public:
  static Result<std::unique_ptr<Embedder>> Load(std::string_view model, const EmbedderOptions& options);
  // Over the engine and queue that other tasks of the model use too.
  static Result<std::unique_ptr<Embedder>> Create(LoadedModel model, std::shared_ptr<EmbeddingCache> cache);
  virtual ~Embedder() = default;

  virtual Result<Embedding> Embed(std::string_view text, EmbedCall call = {}) = 0;
  // For decisions: all layers, or as many as the judge asks for. The (last) vector is that of the layer where it ended,
  // so the cache has no part in it. The default prompt is used.
  virtual Result<Embedding> EmbedUntil(std::string_view text, const EmbedCall& call, ExitJudge& judge) = 0;
  // A list is one request of the engine's queue; equal texts in it are computed once. `done` is called exactly once, on
  // any thread, also before the call returns, and must not block; a full queue is reported through it as kOverloaded.
  virtual void EmbedBatchAsync(std::span<const std::string> texts, EmbedCall call,
                               std::function<void(Result<EmbeddedTexts>)> done) = 0;
  virtual Result<EmbeddedTexts> EmbedTexts(std::span<const std::string> texts, EmbedCall call = {}) = 0;
  virtual Result<std::vector<Embedding>> EmbedBatch(std::span<const std::string> texts, EmbedCall call = {}) = 0;
  // A vector for each token: of a multi-vector model as that is searched with (role: what the texts are, which decides
  // prompt, length, query expansion and the tokens that do not count); of any other, the encoder's output.
  virtual Result<TokenVectors> EmbedTokens(std::span<const std::string> texts, PromptChoice::Role role,
                                           EmbedCall call = {}) = 0;
  virtual void EmbedTokensAsync(std::span<const std::string> texts, PromptChoice::Role role, EmbedCall call,
                                std::function<void(Result<TokenVectors>)> done) = 0;
  // Long lists, offline: bypasses the queue limit and the cache. progress(done) may be empty.
  virtual Result<EmbeddingMatrix> EmbedAll(std::span<const std::string> texts,
                                           const std::function<void(size_t done)>& progress) = 0;
  // The same after each of `layers`, ascending from 1, in one pass: a matrix for each.
  virtual Result<std::vector<EmbeddingMatrix>> EmbedLayers(std::span<const std::string> texts,
                                                           std::span<const int> layers,
                                                           const std::function<void(size_t done)>& progress) = 0;

  // kInvalidArgument for a name that the model does not have: the message lists those it has. trusted: whether special
  // tokens in a choice's own text are recognised; not where it comes from a stranger.
  virtual Result<TextPrompt> ResolvePrompt(const PromptChoice& choice, bool trusted) const = 0;

  virtual int dimensions() const = 0;
  virtual int middle_layer() const = 0;  // half of the layers; 0: too few to have one
  virtual int max_tokens() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  virtual const Encoder& encoder() const = 0;
  virtual EngineStats Stats() const = 0;
  virtual const EmbeddingCache* cache() const = 0;      // null: none
  virtual const std::string& model_name() const = 0;    // "all-MiniLM-L6-v2"
  virtual const std::string& architecture() const = 0;  // "bert"
  // With dtype, part of every cache key and head: of the encoder's weights, and of modules and default prompt if any.
  virtual const std::string& weights_sha256() const = 0;
  virtual const SentenceConfig& sentence() const = 0;
  // Of embedding_ranges.npy in the model's folder, for int8 and uint8; nothing without that file.
  virtual const std::optional<ValueRanges>& ranges() const = 0;
};

}  // namespace bantam
