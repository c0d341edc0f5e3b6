// A head's examples as vectors, in memory: which of them lie nearest to a question, by cosine.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "learn/head.h"
#include "route/intent_model.h"

namespace bantam {

// In the place of the words of a message that was learned from traffic.
inline constexpr std::string_view kLearnedMessage = "(a learned message)";

// Embeds the examples for a head, and after `layers`, or takes their vectors from `file` when they lie there
// for the same texts and the same encoder (reading 1,000 vectors takes a few milliseconds, embedding them seconds).
// `file` may be empty; with `may_write` what was embedded is kept there. Trouble with the file is a warning in the log.
Result<HeadVectors> EmbedExamples(std::span<const LabelledText> examples, Embedder& embedder,
                                  std::span<const int> layers, const Path& file, bool may_write,
                                  const std::function<void(double fraction)>& progress);

// Immutable and thread-safe. A look-up reads every vector: 0.1 ms for 1,000 of 384 dimensions.
class ExampleIndex {
 public:
  // embeddings.row(i) belongs to examples[i]; its last `dimensions` columns are what counts, the last layer's vector.
  // Hints are left out.
  ExampleIndex(std::vector<LabelledText> examples, const EmbeddingMatrix& embeddings, size_t dimensions);

  const std::vector<LabelledText>& examples() const { return examples_; }

  // Fills nearest, nearest_routes and nearest_out_of_scope. Equal distances keep the file's order. embedding:
  // [dimensions], here and below.
  void FindNearest(std::span<const float> embedding, Understanding& understanding) const;
  // Fills nearest with examples of the understood route alone: at an early exit the others would cost more than the
  // layers that it saves.
  void FindNearestOfRoute(std::span<const float> embedding, Understanding& understanding) const;

 private:
  std::vector<LabelledText> examples_;
  EmbeddingMatrix vectors_;  // of length one
};

}  // namespace bantam
