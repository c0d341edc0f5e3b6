// Decisions of a model that writes text: how much more probable each option is as its answer to the question than it is
// without the state.
#include <algorithm>
#include <list>
#include <mutex>

#include "base/text_util.h"
#include "tasks/decide.h"

namespace bantam {
namespace {

using Kind = DecisionQuestion::Kind;

// Of what an option gains by the state. Near it SmolLM2-135M's probabilities are least surprised by the truth.
constexpr double kTemperature = 1.5;
// What stands in place of the state where the model is asked what it would say whatever the state.
constexpr std::string_view kNoState = "";
// What goes before an answer where there is no chat template.
constexpr std::string_view kLead = "Answer:";

std::string AnswerText(const DecisionQuestion& question, size_t option) {
  if (question.kind == Kind::kYesNo) return option == 0 ? "Yes" : "No";
  return OptionWords(question.options[option].name);
}

// The state first: all questions about it begin alike, so that it is computed once. Options are told to the model where
// they are described: a small one that reads a mere list of them repeats what it read (docs/howto/decide.md).
std::string PromptText(std::string_view state, const DecisionQuestion& question) {
  const bool yes_no = question.kind == Kind::kYesNo;
  const bool told =
      std::ranges::any_of(question.options, [](const auto& option) { return !option.description.empty(); });
  std::string text = fmt::format("{}\n", state);
  if (!question.instructions.empty()) {
    text += fmt::format("\n{}", question.instructions);
  } else if (!yes_no) {
    text += "\nWhat is this?";
  }
  if (told && !yes_no) text += question.kind == Kind::kScale ? "\nLevels, from low to high:" : "\nOptions:";
  for (size_t i = 0; told && i < question.options.size(); ++i) {
    const std::string& description = question.options[i].description;
    if (yes_no && description.empty()) continue;
    text += fmt::format("\n{}{}", yes_no ? "" : "- ", AnswerText(question, i));
    if (!description.empty()) text += fmt::format(": {}", description);
  }
  if (yes_no) return text + "\nAnswer Yes or No.";
  if (told) text += question.kind == Kind::kScale ? "\nAnswer with a level." : "\nAnswer with an option.";
  return text;
}

// What the model would say without a state is the same for all states: kept for questions that come again, those used
// last.
class PriorCache {
 public:
  struct Key {
    CompareCall call;
    std::optional<std::vector<LoraUse>> adapters;
    bool operator==(const Key&) const = default;
  };

  std::optional<std::vector<double>> Find(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(kept_, key, &std::pair<Key, std::vector<double>>::first);
    if (found == kept_.end()) return std::nullopt;
    kept_.splice(kept_.begin(), kept_, found);
    return found->second;
  }
  void Insert(Key key, std::vector<double> logprobs) {
    const std::lock_guard lock(mutex_);
    kept_.emplace_front(std::move(key), std::move(logprobs));
    if (kept_.size() > kMostKept) kept_.pop_back();
  }

 private:
  static constexpr size_t kMostKept = 64;
  std::mutex mutex_;
  std::list<std::pair<Key, std::vector<double>>> kept_;
};

class WritingDecider final : public Decider {
 public:
  explicit WritingDecider(std::shared_ptr<const Generator> generator) : generator_(std::move(generator)) {}

  Result<Decisions> Decide(const DecideCall& call) const override {
    const size_t num_questions = call.questions.size();
    std::vector<CompareCall> calls(num_questions);
    for (size_t i = 0; i < num_questions; ++i) {
      BANTAM_TRY(calls[i].continuations, Answers(call.questions[i]));
      BANTAM_TRY(calls[i].prompt_ids, PromptIds(call.state, call.questions[i]));
      BANTAM_RETURN_IF_ERROR(CheckLength(calls[i], call.questions[i]));
    }
    std::vector<std::optional<std::vector<double>>> priors(num_questions);
    for (size_t i = 0; i < num_questions; ++i) {
      CompareCall prior{.prompt_ids = {}, .continuations = calls[i].continuations};
      BANTAM_TRY(prior.prompt_ids, PromptIds(kNoState, call.questions[i]));
      priors[i] = priors_.Find({prior, call.options.adapters});
      if (!priors[i]) calls.push_back(std::move(prior));
    }
    auto compared = generator_->Compare(calls, call.options);
    if (!compared) return compared.error();
    Decisions decisions;
    size_t next = num_questions;
    for (size_t i = 0; i < num_questions; ++i) {
      if (!priors[i]) {
        priors[i] = (*compared)[next].logprobs;
        priors_.Insert({std::move(calls[next++]), call.options.adapters}, *priors[i]);
      }
      const Comparison& own = (*compared)[i];
      std::vector<double>& scores = decisions.probabilities.emplace_back(own.logprobs);
      for (size_t k = 0; k < scores.size(); ++k) scores[k] = (scores[k] - (*priors[i])[k]) / kTemperature;
      NormalizeScores(scores);
      decisions.input_tokens += static_cast<size_t>(own.prompt_tokens);
      decisions.cached_tokens += static_cast<size_t>(own.cached_tokens);
    }
    return decisions;
  }

 private:
  Result<std::vector<int32_t>> PromptIds(std::string_view state, const DecisionQuestion& question) const {
    const std::string text = PromptText(state, question);
    if (!generator_->can_chat()) return generator_->tokenizer().Encode(fmt::format("{}\n{}", text, kLead), {}).ids;
    ChatInput input;
    input.messages = json::array{json::object{{"role", "user"}, {"content", text}}};
    return generator_->ChatPromptIds(input);
  }

  Result<std::vector<std::vector<int32_t>>> Answers(const DecisionQuestion& question) const {
    const EncodeOptions bare{.add_special_tokens = false};
    const std::vector<int32_t> lead = generator_->tokenizer().Encode(kLead, bare).ids;
    std::vector<std::vector<int32_t>> answers;
    for (size_t i = 0; i < question.options.size(); ++i) {
      std::vector<int32_t> ids;
      if (generator_->can_chat()) {
        ids = generator_->tokenizer().Encode(AnswerText(question, i), bare).ids;
      } else {
        const std::string whole = fmt::format("{} {}", kLead, AnswerText(question, i));
        ids = generator_->tokenizer().Encode(whole, bare).ids;
        const auto [mine, theirs] = std::ranges::mismatch(ids, lead);
        ids.erase(ids.begin(), mine);
      }
      if (ids.size() > kMostContinuationTokens) {
        return Err(ErrorCode::kInvalidArgument,
                   "{}: the option \"{}\" has {} tokens, the limit is {}: give it a short name and say the rest in its "
                   "description",
                   question.label, EscapeForTerminal(question.options[i].name, 80), ids.size(),
                   kMostContinuationTokens);
      }
      answers.push_back(std::move(ids));
    }
    return answers;
  }

  Status CheckLength(const CompareCall& call, const DecisionQuestion& question) const {
    size_t longest = 0;
    for (const auto& continuation : call.continuations) longest = std::max(longest, continuation.size());
    const auto limit = static_cast<size_t>(generator_->engine().max_tokens());
    if (call.prompt_ids.size() + longest <= limit) return Ok();
    return Err(ErrorCode::kInvalidArgument,
               "{}: the state and the question have {} tokens and an option up to {}, but together they may have {} "
               "here (the model's limit, or the server's --context); nothing is cut",
               question.label, call.prompt_ids.size(), longest, limit);
  }

  const std::shared_ptr<const Generator> generator_;
  mutable PriorCache priors_;
};

}  // namespace

std::shared_ptr<const Decider> MakeDecider(std::shared_ptr<const Generator> generator) {
  return std::make_shared<WritingDecider>(std::move(generator));
}

}  // namespace bantam
