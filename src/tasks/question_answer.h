// A question and a text -> the stretches of the text that answer it, with their place, as the reference's
// question-answering gives them. Extractive: nothing is made up, and the answer may be that there is none.
//
//   BANTAM_TRY(auto qa, QuestionAnswerer::Load("./my-squad-model", {}));
//   BANTAM_TRY(const auto answered, qa->Answer("Who wrote it?", passage, {.top_k = 3}));
//   answered.answers[0].text
//
// Long texts are read in overlapping windows.
#pragma once

#include "tasks/loaded_model.h"

namespace bantam {

struct TextAnswer {
  std::string text;    // "" for no answer
  float score = 0;     // of windows and places where the same text stands, the sum
  uint32_t begin = 0;  // in code points of the text
  uint32_t end = 0;
};

struct AnsweredQuestion {
  std::vector<TextAnswer> answers;  // best first
  size_t num_tokens = 0;            // of all windows, question and special tokens included
  size_t num_windows = 1;
};

struct AnswerOptions {
  size_t top_k = 1;
  size_t max_answer_tokens = 15;
  size_t max_tokens = 384;  // of a window, question and special tokens included; at most what the model reads
  std::optional<size_t> stride = std::nullopt;  // tokens that windows share; nothing: half a window, at most 128
  bool may_have_no_answer = false;              // "" is one of the answers, with the score that there is none
  bool align_to_words = true;                   // answers begin and end where words do
  MonotonicTime deadline = MonotonicTime::max();
  EngineTimes* times = nullptr;  // gets those of the engine
};

struct Question {
  std::string_view question;
  std::string_view context;
};

// Thread-safe. User text never becomes a special token.
class QuestionAnswerer {
 public:
  static Result<std::unique_ptr<QuestionAnswerer>> Load(std::string_view model, const LoadOptions& options);
  // kUnsupported where the model has no such head; says which it has.
  static Result<std::unique_ptr<QuestionAnswerer>> Create(LoadedModel model);

  // In order; one request of the engine's queue. kInvalidArgument for a question or a text that is empty, or a question
  // that leaves no room in a window.
  Result<std::vector<AnsweredQuestion>> Answer(std::span<const Question> questions,
                                               const AnswerOptions& options = {}) const;

  const LoadedModel& model() const { return model_; }

 private:
  explicit QuestionAnswerer(LoadedModel model) : model_(std::move(model)) {}
  const LoadedModel model_;
  int32_t cls_id_ = -1;
};

}  // namespace bantam
