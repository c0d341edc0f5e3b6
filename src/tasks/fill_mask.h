// Texts with masks -> the likeliest tokens in their place, by a masked language model, as the reference's fill-mask.
//
//   BANTAM_TRY(auto filler, MaskFiller::Load("./bert-base-uncased", {}));
//   BANTAM_TRY(const auto filled, filler->Fill(texts));   // "The capital of France is [MASK]."
//   filled[0].masks[0][0].text
#pragma once

#include "tasks/loaded_model.h"
#include "tasks/special_tokens.h"

namespace bantam {

struct MaskCandidate {
  int32_t token_id = 0;
  float score = 0;       // probability among the whole vocabulary, also with targets
  std::string text;      // of the token
  std::string sequence;  // the text with this token in the mask's place; other masks stay
};

struct FilledText {
  std::vector<std::vector<MaskCandidate>> masks;  // for each mask of the text, in order: best first
  size_t num_tokens = 0;
  bool truncated = false;
};

struct FillOptions {
  size_t top_k = 5;
  // Only these; of a target that is no token of the vocabulary, its first token.
  std::vector<std::string> targets = {};
  MonotonicTime deadline = MonotonicTime::max();
  EngineTimes* times = nullptr;  // gets those of the engine
};

// Thread-safe. In these texts special tokens are recognised, for the mask is one.
class MaskFiller {
 public:
  static Result<std::unique_ptr<MaskFiller>> Load(std::string_view model, const LoadOptions& options);
  // kUnsupported where the model has no such head; says which it has.
  static Result<std::unique_ptr<MaskFiller>> Create(LoadedModel model);

  // In order; one request of the engine's queue. kInvalidArgument for a text without a mask, or whose mask lies beyond
  // what the model reads.
  Result<std::vector<FilledText>> Fill(std::span<const std::string_view> texts, const FillOptions& options = {}) const;

  const std::string& mask() const { return special_.mask_text; }  // "[MASK]"
  const LoadedModel& model() const { return model_; }

 private:
  MaskFiller(LoadedModel model, SpecialTokens special) : model_(std::move(model)), special_(std::move(special)) {}
  Result<std::vector<int32_t>> TargetIds(std::span<const std::string> targets) const;

  const LoadedModel model_;
  const SpecialTokens special_;
};

}  // namespace bantam
