// One model of the server and what it can do: the tasks that its heads make possible, all on one engine.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "files/model_format.h"
#include "tasks/classify.h"
#include "tasks/decide.h"
#include "tasks/embed.h"
#include "tasks/fill_mask.h"
#include "tasks/generate.h"
#include "tasks/memory_need.h"
#include "tasks/question_answer.h"
#include "tasks/rerank.h"
#include "tasks/sparse_embed.h"
#include "tasks/tag.h"
#include "tasks/zero_shot.h"

namespace bantam {

// Null: it cannot do that.
struct ServedModel {
  std::string name;
  int64_t created = 0;  // seconds since 1970
  std::shared_ptr<Embedder> embedder = nullptr;
  std::shared_ptr<const Classifier> classifier = nullptr;
  std::shared_ptr<const ZeroShotClassifier> zero_shot = nullptr;
  std::shared_ptr<const Reranker> reranker = nullptr;
  std::shared_ptr<const Tagger> tagger = nullptr;
  std::shared_ptr<const QuestionAnswerer> answerer = nullptr;
  std::shared_ptr<const MaskFiller> filler = nullptr;
  std::shared_ptr<const SparseEmbedder> sparse = nullptr;
  std::shared_ptr<EncoderEngine> engine = nullptr;               // null: the embedder's own
  std::shared_ptr<const Tokenizer> encoder_tokenizer = nullptr;  // null: the embedder's own
  std::shared_ptr<Generator> generator = nullptr;                // writes text, and does nothing else
  std::shared_ptr<const Decider> decider = nullptr;              // by whatever of the above can
  std::string parent = {};             // of a LoRA adapter: the name of the model that it belongs to
  std::vector<LoraUse> adapters = {};  // what its texts are written with, where a request says nothing
  // What its files are, for those who ask what is loaded.
  std::string architecture = {};
  ModelFormat format = {};
  WeightsIdentity identity = {};
  std::string license = {};  // of the store's record
  // Of its config, under GGUF's names: "embedding_length", "block_count".
  std::vector<std::pair<std::string, int64_t>> sizes = {};
  std::shared_ptr<const ModelUse> in_use = nullptr;
  // Where it lies and its ModelStamp, for a reload; empty: it is loaded once and for all.
  Path path = {};
  std::string stamp = {};

  // Of a model that is no generator.
  EngineStats Stats() const { return engine != nullptr ? engine->Stats() : embedder->Stats(); }
  uint64_t weight_bytes() const;  // in memory
  MemoryNeed memory() const;
  uint64_t num_parameters() const;
  std::string_view weight_type() const;
  const Tokenizer& tokenizer() const;
  int max_tokens() const;  // of a text, or of prompt and answer together
  // "classify, rerank", for messages.
  std::string Abilities() const;
};

// An encoder without a head embeds; one with a head does what that is for, a masked language model both, unless its
// modules say that its embeddings are sparse ones. A decoder writes text.
Result<ServedModel> LoadServedModel(ModelFolder opened, const LoadOptions& encoder, const GeneratorOptions& generator,
                                    std::shared_ptr<EmbeddingCache> cache);

// A LoRA adapter of the one of `models` that it fits; kInvalidArgument where it fits several. With a name it becomes a
// model of its own, which shares all else with that one. Without, texts of that one are written with it, if a request
// does not say otherwise.
Status AddServedAdapter(const AdapterOptions& options, std::vector<ServedModel>& models);

}  // namespace bantam
