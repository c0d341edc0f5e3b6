// From scores of tokens to labelled spans: the reference's rules, apart from the engine.
#pragma once

#include "tasks/tag.h"

namespace bantam {

// One token of a window, special ones left out.
struct ScoredToken {
  std::vector<float> scores;  // [num_labels], softmax
  std::string word;
  TokenSpan span;
  size_t index = 0;        // in the window's sequence
  bool continues = false;  // the word of the token before it
};

// A label's prefix and what it labels: "B-PER" -> 'B', "PER"; without one of the known prefixes 'I' and all of it.
struct LabelParts {
  char prefix = 'I';
  std::string_view tag;
};
// closing: whether E-, S-, L- and U- are prefixes of this scheme.
LabelParts SplitLabel(std::string_view label, bool closing);
// Whether the labels are of a scheme that says where spans end (BIOES, BILOU): some begin with E- or L-, some with S-
// or U-.
bool HasClosingLabels(std::span<const std::string> labels);

class SpanMaker {
 public:
  SpanMaker(std::span<const std::string> labels, const Tokenizer& tokenizer)
      : labels_(labels), tokenizer_(tokenizer), closing_(HasClosingLabels(labels)) {}

  // All spans of one window, those of ignored labels included.
  std::vector<TaggedSpan> Make(std::vector<ScoredToken> tokens, Aggregation aggregation) const;

 private:
  TaggedSpan FromToken(ScoredToken token) const;
  TaggedSpan FromWord(std::span<ScoredToken> word, Aggregation aggregation) const;
  TaggedSpan FromGroup(std::span<TaggedSpan> group) const;
  bool Continues(const TaggedSpan& last, const TaggedSpan& next) const;

  std::span<const std::string> labels_;
  const Tokenizer& tokenizer_;
  const bool closing_;
};

// Of spans that overlap, from windows that do, the longest one stays, and of equally long ones the surest.
std::vector<TaggedSpan> MergeOverlapping(std::vector<TaggedSpan> spans);

}  // namespace bantam
