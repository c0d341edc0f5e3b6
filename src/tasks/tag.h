// Texts -> labelled spans with character offsets: named entities, slots, parts of speech. As the reference's
// token-classification gives them, with each of its aggregation strategies.
//
//   BANTAM_TRY(auto tagger, Tagger::Load("./my-ner-model", {}));
//   BANTAM_TRY(const auto tagged, tagger->Tag(texts, {.aggregation = Aggregation::kSimple}));
//   for (const TaggedSpan& span : tagged[0].spans) ... span.label, span.begin, span.end
//
// Long texts are read in overlapping windows. Labels of BIO begin with "B-" and "I-"; where a model's labels also have
// "E-" and "S-" (or "L-" and "U-"), as in BIOES, these end a span, which the reference does not do.
#pragma once

#include "tasks/loaded_model.h"

namespace bantam {

enum class Aggregation {
  kNone,     // every token that is not "O"
  kSimple,   // tokens next to each other with one label
  kFirst,    // words, labelled as their first token
  kAverage,  // words, by the average of their tokens' scores
  kMax,      // words, by the token that is surest
};
std::string_view AggregationName(Aggregation aggregation);  // "none", "simple", ...
Result<Aggregation> ParseAggregation(std::string_view name);

struct TaggedSpan {
  std::string label;  // "PER", or for kNone "B-PER"
  float score = 0;
  std::string word;    // of its tokens, as the tokenizer reads them: lowered, perhaps
  uint32_t begin = 0;  // in code points of the text
  uint32_t end = 0;
  size_t index = 0;  // for kNone: which token of its window
};

struct TaggedText {
  std::vector<TaggedSpan> spans;  // in order
  size_t num_tokens = 0;          // of all windows, special tokens included
  size_t num_windows = 1;
};

struct TagOptions {
  Aggregation aggregation = Aggregation::kSimple;
  // Tokens that windows of a long text share; nothing: a quarter of what the model reads, at most 128.
  std::optional<size_t> stride = std::nullopt;
  std::vector<std::string> ignored_labels = {"O"};
  MonotonicTime deadline = MonotonicTime::max();
  EngineTimes* times = nullptr;  // gets those of the engine
};

// Thread-safe. User text never becomes a special token.
class Tagger {
 public:
  static Result<std::unique_ptr<Tagger>> Load(std::string_view model, const LoadOptions& options);
  // kUnsupported where the model has no such head; says which it has.
  static Result<std::unique_ptr<Tagger>> Create(LoadedModel model);

  // In order; one request of the engine's queue. Equal windows are computed once.
  Result<std::vector<TaggedText>> Tag(std::span<const std::string_view> texts, const TagOptions& options = {}) const;

  const std::vector<std::string>& labels() const { return model_.head->labels(); }
  const LoadedModel& model() const { return model_; }

 private:
  explicit Tagger(LoadedModel model);
  const LoadedModel model_;
  int32_t unknown_id_ = -1;
};

}  // namespace bantam
