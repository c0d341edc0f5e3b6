// What an embedding model does after its encoder, beyond pooling by one mode: modules on each token's vector, several
// pooling modes side by side, and Dense, LayerNorm, Normalize on the pooled vector, as modules.json lists them.
//
//   BANTAM_TRY(const auto head, SentenceHead::Load(model.sentence, encoder->hidden_size()));
//   head->Apply({{{.hidden = rows_of_a_text, .out = vector}}});
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "files/model_folder.h"
#include "kernels/isa.h"

namespace bantam {

// Immutable: any thread may call it. Has its own copy of its weights, in f32 whatever the encoder's type: they are a
// hundredth of it. A text's vector does not depend on the texts beside it.
class SentenceHead {
 public:
  struct Text {
    std::span<const float> hidden;  // [num_tokens, hidden_size]; none for the vector of no tokens at all
    size_t skip_tokens = 0;         // at its beginning, that are not pooled
    std::span<float> out;           // [dimensions()]
  };

  // kCorrupt when widths do not fit each other or the weights. kernels: null for SelectKernels(); must outlive it.
  static Result<std::unique_ptr<SentenceHead>> Load(const SentenceConfig& sentence, int hidden_size,
                                                    const Kernels* kernels = nullptr);
  ~SentenceHead();

  int dimensions() const { return dimensions_; }
  int token_dimensions() const { return token_width_; }
  // Keeps its scratch memory on the calling thread: after the largest texts were seen it allocates nothing.
  void Apply(std::span<const Text> texts) const;
  // What the modules on tokens make of each row. hidden: [num_tokens, hidden_size], out: [num_tokens,
  // token_dimensions()]
  void ApplyToTokens(std::span<const float> hidden, std::span<float> out) const;

 private:
  struct Step;
  struct Scratch;
  SentenceHead();
  static Scratch& ThisThread();
  static Result<Step> LoadStep(const SentenceModule& module, int width);
  // rows: [num_rows, width of the steps' input] in scratch.x -> [num_rows, width of their output] in scratch.x
  void Run(std::span<const Step> steps, size_t num_rows, Scratch& scratch) const;
  void PoolText(const Text& text, std::span<float> pooled, Scratch& scratch) const;

  const Kernels* kernels_ = nullptr;
  int hidden_size_ = 0, token_width_ = 0, pooled_width_ = 0, dimensions_ = 0;
  std::vector<PoolingMode> modes_;
  std::vector<Step> token_steps_, text_steps_;
};

}  // namespace bantam
