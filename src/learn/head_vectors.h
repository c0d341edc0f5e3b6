// What a head reads of a text: the encoder's vector after its middle layer beside that after its last. The last layer
// knows what a text is about, the middle one still how it is said; together they find 0.6 points more on CLINC150
// (README.md). An encoder of fewer than two layers has its one vector.
//
//   BANTAM_TRY(HeadVectors v, EmbedForHead(*embedder, texts, {}, {}));      // many, offline
//   BANTAM_TRY(Embedding e, embedder->Embed(text, CallForHead()));          // the same of one text
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "learn/vector_scale.h"
#include "tasks/embed.h"

namespace bantam {

// Vectors of the same texts after one of the encoder's layers, counted from 1.
struct LayerVectors {
  int layer = 0;
  EmbeddingMatrix vectors;
};

struct HeadVectors {
  EmbeddingMatrix vectors;           // as EmbedCall::middle gives them
  std::vector<LayerVectors> layers;  // as asked for, for early exits
};

// layers: ascending, below the last. progress(done) may be empty.
Result<HeadVectors> EmbedForHead(Embedder& embedder, std::span<const std::string> texts, std::span<const int> layers,
                                 const std::function<void(size_t done)>& progress);

inline EmbedCall CallForHead(MonotonicTime deadline = MonotonicTime::max()) {
  EmbedCall call(deadline);
  call.middle = true;
  return call;
}

// From those vectors to what the regression sees.
struct HeadInput {
  VectorScale middle;  // empty: there is the last layer's vector only, and it is left as it is

  // raw, out: [dimensions] of the head
  void Prepare(std::span<const float> raw, std::span<float> out) const;
};

}  // namespace bantam
