// Texts, or pairs of texts -> scores of a classifier's labels, as the reference's text-classification gives them.
//
//   BANTAM_TRY(auto classifier, Classifier::Load("./my-sentiment-model", {.weight_type = WeightType::kF32}));
//   const TextInput texts[] = {{"What a lovely day"}, {"A soccer game", "Some people play a sport"}};
//   BANTAM_TRY(const auto answers, classifier->Classify(texts));
//   classifier->labels()[answers[0].best()];
#pragma once

#include "tasks/loaded_model.h"
#include "tasks/sequence_list.h"
#include "tasks/text_sequence.h"

namespace bantam {

// From logits to scores.
enum class ScoreFunction { kSoftmax, kSigmoid, kNone };
std::string_view ScoreFunctionName(ScoreFunction function);  // "softmax", "sigmoid", "none"
Result<ScoreFunction> ParseScoreFunction(std::string_view name);
// In place, of one row.
void ApplyScoreFunction(ScoreFunction function, std::span<float> row);

struct Classification {
  std::vector<float> scores;  // [num_labels]
  size_t num_tokens = 0;      // what the model read, special tokens included
  bool truncated = false;

  size_t best() const;                  // the first of the highest
  std::vector<size_t> ranking() const;  // labels, best first
};

struct ClassifyOptions {
  std::optional<ScoreFunction> function = std::nullopt;  // nothing: the model's own
  PairTruncation truncation = PairTruncation::kLongestFirst;
  MonotonicTime deadline = MonotonicTime::max();
  EngineTimes* times = nullptr;  // gets those of the engine
};

// Thread-safe. User text never becomes a special token.
class Classifier {
 public:
  static Result<std::unique_ptr<Classifier>> Load(std::string_view model, const LoadOptions& options);
  // kUnsupported where the model has no such head; says which it has.
  static Result<std::unique_ptr<Classifier>> Create(LoadedModel model);

  // In order; one request of the engine's queue. Equal texts are computed once.
  Result<std::vector<Classification>> Classify(std::span<const TextInput> texts,
                                               const ClassifyOptions& options = {}) const;

  const std::vector<std::string>& labels() const { return model_.head->labels(); }
  bool multi_label() const { return model_.head->multi_label(); }
  // By "problem_type", the number of labels and "function_to_apply" of config.json.
  ScoreFunction function() const { return function_; }
  const LoadedModel& model() const { return model_; }

 private:
  Classifier(LoadedModel model, ScoreFunction function) : model_(std::move(model)), function_(function) {}
  const LoadedModel model_;
  const ScoreFunction function_;
};

// Logits of sequences through a head of kind kSequence: [sequences, num_labels].
Result<std::vector<float>> SequenceLogits(const LoadedModel& model, SequenceList& list, MonotonicTime deadline);

}  // namespace bantam
