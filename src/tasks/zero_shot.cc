#include "tasks/zero_shot.h"

#include <algorithm>
#include <array>

#include "base/text_util.h"

namespace bantam {
namespace {

constexpr std::string_view kPlace = "{}";

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

Result<size_t> FindEntailment(const LoadedModel& model, std::string_view asked) {
  const std::vector<std::string>& labels = model.head->labels();
  if (labels.size() < 2) {
    return Err(ErrorCode::kUnsupported,
               "model \"{}\" has one label; zero-shot classification needs a model of natural-language inference, "
               "with entailment and contradiction among its labels",
               EscapeForTerminal(model.folder.name));
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    if (asked.empty() ? Lower(labels[i]).starts_with("entail") : labels[i] == asked) return i;
  }
  std::string known;
  for (size_t i = 0; i < std::min<size_t>(labels.size(), 12); ++i) {
    known += fmt::format("{}{}", i > 0 ? ", " : "", EscapeForTerminal(labels[i], 80));
  }
  if (!asked.empty()) {
    return Err(ErrorCode::kInvalidArgument, "model \"{}\" has no label \"{}\"; its labels: {}",
               EscapeForTerminal(model.folder.name), EscapeForTerminal(asked, 80), known);
  }
  return Err(ErrorCode::kInvalidArgument,
             "no label of model \"{}\" begins with \"entail\" (its labels: {}): name the one that means entailment, or "
             "take a model of natural-language inference",
             EscapeForTerminal(model.folder.name), known);
}

}  // namespace

Result<std::unique_ptr<ZeroShotClassifier>> ZeroShotClassifier::Load(std::string_view reference,
                                                                     const LoadOptions& options,
                                                                     std::string_view entailment) {
  BANTAM_TRY(LoadedModel model, LoadModel(reference, options));
  return Create(std::move(model), entailment);
}

Result<std::unique_ptr<ZeroShotClassifier>> ZeroShotClassifier::Create(LoadedModel model, std::string_view entailment) {
  if (model.head == nullptr || model.head->kind() != ClassifierHead::Kind::kSequence) {
    return model.NoSuchHead("sequence-classification");
  }
  BANTAM_TRY(const size_t label, FindEntailment(model, entailment));
  BANTAM_RETURN_IF_ERROR(PairTemplate(model));
  return std::unique_ptr<ZeroShotClassifier>(new ZeroShotClassifier(std::move(model), label));
}

Result<std::vector<Classification>> ZeroShotClassifier::Classify(std::span<const std::string> texts,
                                                                 std::span<const std::string> labels,
                                                                 const ZeroShotOptions& options) const {
  if (labels.empty()) return Err(ErrorCode::kInvalidArgument, "no labels to choose from");
  const size_t place = options.hypothesis_template.find(kPlace);
  if (place == std::string::npos) {
    return Err(ErrorCode::kInvalidArgument,
               "the hypothesis template \"{}\" has no {{}}, where the label goes: all labels would be one hypothesis",
               EscapeForTerminal(options.hypothesis_template, 80));
  }
  std::vector<Encoding> hypotheses;
  for (const std::string& label : labels) {
    std::string text = options.hypothesis_template;
    text.replace(place, kPlace.size(), label);
    hypotheses.push_back(EncodeBare(model_, text));
  }
  std::vector<Classification> answers(texts.size());
  SequenceList list(options.times);
  for (size_t i = 0; i < texts.size(); ++i) {
    const Encoding premise = EncodeBare(model_, texts[i]);
    for (size_t k = 0; k < labels.size(); ++k) {
      auto sequence = PairSequence(model_, premise, hypotheses[k], PairTruncation::kOnlyFirst);
      if (!sequence) {
        return Err(sequence.error().code, "label \"{}\": {}", EscapeForTerminal(labels[k], 80),
                   sequence.error().message);
      }
      answers[i].num_tokens += sequence->ids.size();
      answers[i].truncated |= sequence->truncated;
      list.Add(std::move(sequence->ids), std::move(sequence->types));
    }
  }
  BANTAM_TRY(const std::vector<float> logits, SequenceLogits(model_, list, options.deadline));
  const auto columns = static_cast<size_t>(model_.head->num_labels());
  // As the reference takes it: the label at the other end of the list.
  const size_t contradiction = entailment_ == 0 ? columns - 1 : 0;
  const bool each_alone = options.multi_label || labels.size() == 1;
  for (size_t i = 0; i < texts.size(); ++i) {
    for (size_t k = 0; k < labels.size(); ++k) {
      const auto row = std::span(logits).subspan((i * labels.size() + k) * columns, columns);
      if (!each_alone) {
        answers[i].scores.push_back(row[entailment_]);
        continue;
      }
      std::array<float, 2> both = {row[contradiction], row[entailment_]};
      ApplyScoreFunction(ScoreFunction::kSoftmax, both);
      answers[i].scores.push_back(both[1]);
    }
    if (!each_alone) ApplyScoreFunction(ScoreFunction::kSoftmax, answers[i].scores);
  }
  return answers;
}

}  // namespace bantam
