// The head of a masked language model: hidden vectors of tokens to a score for every token of the vocabulary.
//
//   BANTAM_TRY(const auto head, MaskedLmHead::Load(model, WeightType::kF32));   // null when the model has none
//   head->Logits(rows, out);                                                     // only for the rows that matter
#pragma once

#include <memory>

#include "models/head_layers.h"

namespace bantam {

// Immutable: any thread may call it. Has its own copy of its weights: most of them are the decoder's, [vocab_size,
// width], which with "tie_word_embeddings" (as nearly always) equals the table of word embeddings.
class MaskedLmHead {
 public:
  // By "architectures" of config.json: those that end in ForMaskedLM, and ForPreTraining where that has one.
  // decoder_type: kF32, or any other for int8.
  static Result<std::unique_ptr<MaskedLmHead>> Load(ModelFolder& model, WeightType decoder_type);
  // Whether Load would give one (or say what is wrong with it), without reading weights.
  static bool Names(const ModelFolder& model);

  int hidden_size() const { return dense_.in(); }
  int vocab_size() const { return decoder_.out(); }

  // hidden: [num_rows, hidden_size], out: [num_rows, vocab_size]. On the calling thread.
  void Logits(std::span<const float> hidden, std::span<float> out) const;

 private:
  MaskedLmHead() = default;
  const Kernels* kernels_ = nullptr;
  HeadDense dense_, decoder_;
  Activation activation_ = kActivationNone;
  HeadNorm norm_;
};

}  // namespace bantam
