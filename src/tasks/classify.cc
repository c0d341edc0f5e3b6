#include "tasks/classify.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/text_util.h"

namespace bantam {
namespace {

constexpr std::pair<std::string_view, ScoreFunction> kFunctions[] = {
    {"softmax", ScoreFunction::kSoftmax},
    {"sigmoid", ScoreFunction::kSigmoid},
    {"none", ScoreFunction::kNone},
};

// In the reference's order: the problem decides, then the number of labels.
ScoreFunction FunctionOf(const LoadedModel& model) {
  switch (model.head->problem()) {
    case ClassifierHead::Problem::kRegression:
      return ScoreFunction::kNone;
    case ClassifierHead::Problem::kMultiLabel:
      return ScoreFunction::kSigmoid;
    case ClassifierHead::Problem::kSingleLabel:
      return model.head->num_labels() == 1 ? ScoreFunction::kSigmoid : ScoreFunction::kSoftmax;
    case ClassifierHead::Problem::kNotTold:
      break;
  }
  return model.head->num_labels() == 1 ? ScoreFunction::kSigmoid : ScoreFunction::kSoftmax;
}

}  // namespace

std::string_view ScoreFunctionName(ScoreFunction function) {
  for (const auto& [name, value] : kFunctions) {
    if (value == function) return name;
  }
  return "";
}

Result<ScoreFunction> ParseScoreFunction(std::string_view name) {
  for (const auto& [known, value] : kFunctions) {
    if (known == name) return value;
  }
  return Err(ErrorCode::kInvalidArgument, "function \"{}\"; known: softmax, sigmoid, none",
             EscapeForTerminal(name, 80));
}

void ApplyScoreFunction(ScoreFunction function, std::span<float> row) {
  if (function == ScoreFunction::kNone || row.empty()) return;
  if (function == ScoreFunction::kSigmoid) {
    for (float& x : row) x = static_cast<float>(1 / (1 + std::exp(-static_cast<double>(x))));
    return;
  }
  const double highest = *std::ranges::max_element(row);
  double sum = 0;
  for (const float x : row) sum += std::exp(x - highest);
  for (float& x : row) x = static_cast<float>(std::exp(x - highest) / sum);
}

size_t Classification::best() const { return static_cast<size_t>(std::ranges::max_element(scores) - scores.begin()); }

std::vector<size_t> Classification::ranking() const {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return scores[i]; });
  return order;
}

Result<std::vector<float>> SequenceLogits(const LoadedModel& model, SequenceList& list, MonotonicTime deadline) {
  BANTAM_TRY(const std::vector<float> rows, list.Pooled(*model.engine, model.head->pooling(), deadline));
  std::vector<float> logits = model.head->FromRows(rows);
  if (!IsFinite(logits)) return NotFinite(model);
  return logits;
}

Result<std::unique_ptr<Classifier>> Classifier::Load(std::string_view reference, const LoadOptions& options) {
  BANTAM_TRY(LoadedModel model, LoadModel(reference, options));
  return Create(std::move(model));
}

Result<std::unique_ptr<Classifier>> Classifier::Create(LoadedModel model) {
  if (model.head == nullptr || model.head->kind() != ClassifierHead::Kind::kSequence) {
    return model.NoSuchHead("sequence-classification");
  }
  const ScoreFunction function = FunctionOf(model);
  return std::unique_ptr<Classifier>(new Classifier(std::move(model), function));
}

Result<std::vector<Classification>> Classifier::Classify(std::span<const TextInput> texts,
                                                         const ClassifyOptions& options) const {
  std::vector<Classification> answers;
  answers.reserve(texts.size());
  SequenceList list(options.times);
  for (size_t i = 0; i < texts.size(); ++i) {
    auto sequence = MakeSequence(model_, texts[i], options.truncation);
    if (!sequence) {
      if (texts.size() == 1) return sequence.error();
      return Err(sequence.error().code, "text {}: {}", i + 1, sequence.error().message);
    }
    answers.push_back({.scores = {}, .num_tokens = sequence->ids.size(), .truncated = sequence->truncated});
    list.Add(std::move(sequence->ids), std::move(sequence->types));
  }
  BANTAM_TRY(std::vector<float> logits, SequenceLogits(model_, list, options.deadline));
  const auto columns = static_cast<size_t>(model_.head->num_labels());
  for (size_t i = 0; i < answers.size(); ++i) {
    const std::span<float> row = std::span(logits).subspan(i * columns, columns);
    ApplyScoreFunction(options.function.value_or(function_), row);
    answers[i].scores.assign(row.begin(), row.end());
  }
  return answers;
}

}  // namespace bantam
