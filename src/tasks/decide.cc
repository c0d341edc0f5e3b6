#include "tasks/decide.h"

#include <algorithm>
#include <cmath>

#include "base/text_util.h"
#include "tasks/cosine.h"
#include "tasks/holds_text.h"

namespace bantam {
namespace {

using Kind = DecisionQuestion::Kind;

// What an option says of the text that it fits: by name and description; of yes and no only the description does.
std::string OptionText(const DecisionQuestion& question, const DecisionOption& option) {
  if (question.kind == Kind::kYesNo) return option.description;
  const std::string words = OptionWords(option.name);
  return option.description.empty() ? words : fmt::format("{}: {}", words, option.description);
}

class EntailmentDecider final : public Decider {
 public:
  explicit EntailmentDecider(std::shared_ptr<const ZeroShotClassifier> classifier)
      : classifier_(std::move(classifier)) {}

  Result<Decisions> Decide(const DecideCall& call) const override {
    Decisions decisions;
    const std::string state(call.state);
    for (const DecisionQuestion& question : call.questions) {
      if (call.options.stop && call.options.stop()) return Err(ErrorCode::kCancelled, "the request was cancelled");
      const std::vector<std::string> hypotheses = Hypotheses(question);
      const ZeroShotOptions options{.hypothesis_template = "{}", .deadline = call.options.deadline};
      auto answers = classifier_->Classify({&state, 1}, hypotheses, options);
      if (!answers) return Err(answers.error().code, "{}: {}", question.label, answers.error().message);
      const Classification& answer = answers->front();
      if (answer.truncated) {
        return Err(ErrorCode::kInvalidArgument,
                   "the state is longer than the {} tokens that {} reads together with an option of {}",
                   classifier_->model().max_tokens, EscapeForTerminal(classifier_->model().folder.name),
                   question.label);
      }
      std::vector<double> probabilities(answer.scores.begin(), answer.scores.end());
      if (probabilities.size() == 1) probabilities.push_back(1 - probabilities[0]);  // of yes alone
      decisions.probabilities.push_back(std::move(probabilities));
      decisions.input_tokens += answer.num_tokens;
    }
    return decisions;
  }

 private:
  static std::vector<std::string> Hypotheses(const DecisionQuestion& question) {
    std::vector<std::string> hypotheses;
    if (question.kind == Kind::kYesNo) {
      const std::string &yes = question.options[0].description, &no = question.options[1].description;
      if (!yes.empty() && !no.empty()) return {yes, no};
      return {yes.empty() ? question.instructions : yes};
    }
    for (const DecisionOption& option : question.options) {
      hypotheses.push_back(option.description.empty() ? fmt::format("This example is {}.", OptionWords(option.name))
                                                      : OptionText(question, option));
    }
    return hypotheses;
  }

  const std::shared_ptr<const ZeroShotClassifier> classifier_;
};

class EmbeddingDecider final : public Decider {
 public:
  explicit EmbeddingDecider(std::shared_ptr<Embedder> embedder) : embedder_(std::move(embedder)) {}

  Result<Decisions> Decide(const DecideCall& call) const override {
    std::vector<std::string> texts;
    for (const DecisionQuestion& question : call.questions) {
      for (const DecisionOption& option : question.options) {
        texts.push_back(OptionText(question, option));
        if (HoldsText(embedder_->tokenizer(), texts.back())) continue;
        if (question.kind != Kind::kYesNo) {
          return Err(ErrorCode::kInvalidArgument, "{}: the option \"{}\" holds no text", question.label,
                     EscapeForTerminal(option.name, 80));
        }
        return Err(ErrorCode::kInvalidArgument,
                   "{} asks for a yes or no, but {} only compares texts: describe both answers, make "
                   "it a choice, or ask a model that writes text",
                   question.label, EscapeForTerminal(embedder_->model_name()));
      }
    }
    if (!HoldsText(embedder_->tokenizer(), call.state)) {
      return Err(ErrorCode::kInvalidArgument, "the state holds no text");
    }
    Decisions decisions;
    const std::string state(call.state);
    BANTAM_TRY(const EmbeddedTexts states, Embed({&state, 1}, PromptChoice::Role::kQuery, call.options, decisions));
    BANTAM_TRY(const EmbeddedTexts options, Embed(texts, PromptChoice::Role::kDocument, call.options, decisions));
    size_t next = 0;
    for (const DecisionQuestion& question : call.questions) {
      std::vector<double> scores;
      for (size_t i = 0; i < question.options.size(); ++i) {
        scores.push_back(static_cast<double>(CosineSimilarity(states.vectors.row(0), options.vectors.row(next++))) /
                         kTemperature);
      }
      NormalizeScores(scores);
      decisions.probabilities.push_back(std::move(scores));
    }
    return decisions;
  }

 private:
  // Of cosines. Near it all-MiniLM-L6-v2's probabilities are least surprised by the truth, with 3 to 150 options:
  // docs/howto/decide.md has the numbers.
  static constexpr double kTemperature = 0.05;

  Result<EmbeddedTexts> Embed(std::span<const std::string> texts, PromptChoice::Role role,
                              const CompareOptions& options, Decisions& decisions) const {
    BANTAM_TRY(const TextPrompt prompt, embedder_->ResolvePrompt({.role = role}, true));
    EmbedCall call(options.deadline);
    call.prompt = &prompt;
    call.truncate = false;
    auto embedded = embedder_->EmbedTexts(texts, call);
    if (!embedded) return embedded;
    for (const auto& text : embedded->texts) decisions.input_tokens += text.num_tokens;
    return embedded;
  }

  const std::shared_ptr<Embedder> embedder_;
};

}  // namespace

std::shared_ptr<const Decider> MakeDecider(std::shared_ptr<const ZeroShotClassifier> classifier) {
  return std::make_shared<EntailmentDecider>(std::move(classifier));
}

std::shared_ptr<const Decider> MakeDecider(std::shared_ptr<Embedder> embedder) {
  return std::make_shared<EmbeddingDecider>(std::move(embedder));
}

std::string OptionWords(std::string_view name) {
  std::string words(name);
  std::ranges::replace(words, '_', ' ');
  return words;
}

double ChoiceConfidence(std::span<const double> probabilities) {
  const auto count = static_cast<double>(probabilities.size());
  if (count <= 1) return 1;
  return std::clamp((*std::ranges::max_element(probabilities) - 1 / count) / (1 - 1 / count), 0.0, 1.0);
}

double ScaleConfidence(std::span<const double> probabilities) {
  const auto count = static_cast<double>(probabilities.size());
  if (count <= 1) return 1;
  const auto mode = static_cast<double>(Likeliest(probabilities));
  double spread = 0, even = 0;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    spread += probabilities[i] * std::abs(static_cast<double>(i) - mode);
    even += std::abs(static_cast<double>(i) - (count - 1) / 2) / count;
  }
  return std::clamp(1 - spread / even, 0.0, 1.0);
}

double ExpectedLevel(std::span<const double> probabilities) {
  double level = 0;
  for (size_t i = 0; i < probabilities.size(); ++i) level += probabilities[i] * static_cast<double>(i);
  return level;
}

void NormalizeScores(std::span<double> scores) {
  const double largest = *std::ranges::max_element(scores);
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - largest);
  for (double& score : scores) score /= sum;
}

size_t Likeliest(std::span<const double> probabilities) {
  return static_cast<size_t>(std::ranges::max_element(probabilities) - probabilities.begin());
}

}  // namespace bantam
