// Labels that a model was never trained on: each becomes a hypothesis ("This example is about sports."), and a model of
// natural-language inference says how far the text entails it, as the reference's zero-shot-classification does.
//
//   BANTAM_TRY(auto zero_shot, ZeroShotClassifier::Load("./my-nli-model", {}));
//   const std::string labels[] = {"sports", "politics"};
//   BANTAM_TRY(const auto answers, zero_shot->Classify(texts, labels));   // answers[i].scores: [labels]
#pragma once

#include "tasks/classify.h"

namespace bantam {

struct ZeroShotOptions {
  std::string hypothesis_template = "This example is {}.";  // {} is where the label goes
  bool multi_label = false;                                 // labels do not exclude each other
  MonotonicTime deadline = MonotonicTime::max();
  EngineTimes* times = nullptr;  // gets those of the engine
};

// Thread-safe.
class ZeroShotClassifier {
 public:
  // entailment: the label that means it; "" finds the one whose name begins with "entail".
  static Result<std::unique_ptr<ZeroShotClassifier>> Load(std::string_view model, const LoadOptions& options,
                                                          std::string_view entailment = {});
  // kUnsupported for a model without a head for it, kInvalidArgument when no label means entailment.
  static Result<std::unique_ptr<ZeroShotClassifier>> Create(LoadedModel model, std::string_view entailment = {});

  // One Classification a text, with a score for each of `labels`; tokens are counted over all hypotheses. A text that
  // is too long for the model beside a hypothesis is cut, a hypothesis never.
  Result<std::vector<Classification>> Classify(std::span<const std::string> texts, std::span<const std::string> labels,
                                               const ZeroShotOptions& options = {}) const;

  const LoadedModel& model() const { return model_; }
  const std::string& entailment() const { return model_.head->labels()[entailment_]; }

 private:
  ZeroShotClassifier(LoadedModel model, size_t entailment) : model_(std::move(model)), entailment_(entailment) {}
  const LoadedModel model_;
  const size_t entailment_;
};

}  // namespace bantam
