// A query and documents -> the documents in order of relevance, by a cross-encoder that reads each with the query, with
// the scores of sentence-transformers' CrossEncoder.
//
//   BANTAM_TRY(auto reranker, Reranker::Load("./my-cross-encoder", {}));
//   BANTAM_TRY(const Ranking ranking, reranker->Rank("where is my parcel?", documents, {.top_n = 3}));
//   documents[ranking.results[0].index];
#pragma once

#include "tasks/classify.h"

namespace bantam {

struct RankedDocument {
  size_t index = 0;  // in the documents as they were given
  float score = 0;
  size_t num_tokens = 0;  // query, document and special tokens, as the model read them
  bool truncated = false;
};

struct Ranking {
  std::vector<RankedDocument> results;  // best first; equal scores in the order given
  size_t num_tokens = 0;                // of all documents
  std::vector<size_t> truncated;        // which documents were longer than what the model reads with the query
};

// By score, equal ones in the order given; top_n of them, or all for 0.
std::vector<RankedDocument> BestFirst(std::vector<RankedDocument> documents, size_t top_n);

struct RankOptions {
  size_t top_n = 0;                                      // 0: all
  std::optional<ScoreFunction> function = std::nullopt;  // kNone or kSigmoid; nothing: the model's own
  MonotonicTime deadline = MonotonicTime::max();
  EngineTimes* times = nullptr;  // gets those of the engine
};

// Thread-safe.
class Reranker {
 public:
  static Result<std::unique_ptr<Reranker>> Load(std::string_view model, const LoadOptions& options);
  // kUnsupported for a model without a sequence-classification head, or with more than one label.
  static Result<std::unique_ptr<Reranker>> Create(LoadedModel model);

  // A pair that is longer than the model reads loses the end of its longer text, in nearly all cases the document's.
  Result<Ranking> Rank(std::string_view query, std::span<const std::string_view> documents,
                       const RankOptions& options = {}) const;
  // Scores of pairs, in order.
  Result<std::vector<RankedDocument>> Score(std::span<const TextInput> pairs, const RankOptions& options = {}) const;

  // "sentence_transformers.activation_fn" of config.json; sigmoid where it says nothing, as the reference.
  ScoreFunction function() const { return function_; }
  const LoadedModel& model() const { return model_; }

 private:
  Reranker(LoadedModel model, ScoreFunction function) : model_(std::move(model)), function_(function) {}
  // documents[i].score from sequences that lie in `list`.
  Status FillScores(SequenceList& list, const RankOptions& options, std::span<RankedDocument> documents) const;

  const LoadedModel model_;
  const ScoreFunction function_;
};

}  // namespace bantam
