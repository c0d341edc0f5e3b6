// Texts -> a weight for each word of the vocabulary, most of them zero: what a text is about and what it could be found
// by (SPLADE, arXiv:2109.10086), as sentence-transformers' SparseEncoder computes it.
//
//   BANTAM_TRY(auto embedder, SparseEmbedder::Create(model));
//   BANTAM_TRY(const auto vectors, embedder->Embed(texts, {.top_k = 64}));
//   vectors[0].indices, vectors[0].values
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tasks/loaded_model.h"
#include "tasks/text_reader.h"

namespace bantam {

struct SparseVector {
  std::vector<int32_t> indices;  // token ids, ascending
  std::vector<float> values;     // above 0, one for each index
  uint32_t num_tokens = 0;       // what the model read
  bool truncated = false;        // the text was longer than is read
  uint32_t text_tokens = 0;      // what it would have been
};

struct SparseOptions {
  size_t top_k = 0;                    // keep so many of the largest weights; 0: all
  const TextPrompt* prompt = nullptr;  // null: the model's default prompt
  bool truncate = true;                // false: a text longer than the model reads is an error that names it
  MonotonicTime deadline = MonotonicTime::max();
  EngineTimes* times = nullptr;  // gets those of the engine
};

// Thread-safe. User text never becomes a special token.
class SparseEmbedder {
 public:
  // kUnsupported for a model without a masked-language-model head. One without a SpladePooling module is pooled by the
  // largest weight, as the reference does.
  static Result<std::unique_ptr<SparseEmbedder>> Create(LoadedModel model);

  // In order; one request of the engine's queue.
  Result<std::vector<SparseVector>> Embed(std::span<const std::string> texts, const SparseOptions& options = {}) const;
  Result<TextPrompt> ResolvePrompt(const PromptChoice& choice, bool trusted) const {
    return reader_.Resolve(choice, trusted);
  }

  int max_tokens() const { return reader_.max_tokens(); }
  const LoadedModel& model() const { return model_; }

 private:
  SparseEmbedder(LoadedModel model, TextReader reader, TextPrompt default_prompt)
      : model_(std::move(model)), reader_(std::move(reader)), default_prompt_(std::move(default_prompt)) {}
  // False when the logits are not finite.
  bool Weigh(std::span<const float> hidden, std::span<float> weights) const;

  const LoadedModel model_;
  const TextReader reader_;
  const TextPrompt default_prompt_;
};

}  // namespace bantam
