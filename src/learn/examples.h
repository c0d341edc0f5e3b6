// Labelled examples: read from lines of JSON, identified by a hash, cut into folds.
//
//   BANTAM_TRY(auto examples, ReadExamples("train.jsonl", {.splits = {"train", "oos_train"}}));
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_io.h"

namespace bantam {

// The label of examples that belong to no route.
inline constexpr std::string_view kOutOfScopeLabel = "oos";

struct LabelledText {
  std::string text;
  std::string label;  // kOutOfScopeLabel for out of scope
  // What the label is about, in words such as its name: learned from, but nothing that anybody said. It is never held
  // out, counted or shown.
  bool hint = false;
};

struct ReadExamplesOptions {
  std::string default_label;        // for lines without "label"; empty: each line must have one
  std::vector<std::string> splits;  // keep lines whose "split" is one of these; empty: keep all
};

// A file of lines {"text": ..., "label": ..., "split": ...}; "split" may be absent unless asked for, further keys are
// ignored, blank lines are skipped. Errors name file and line. A file that yields no example is an error.
Result<std::vector<LabelledText>> ReadExamples(const Path& path, const ReadExamplesOptions& options = {});

// The words of the names of labels, such as "card declined" of "card_declined", as hints, sorted: with 5 examples a
// label they are worth a point of accuracy on CLINC150, with 10 a third of one (docs/decisions.md). Names that say
// nothing ("17", "q2") give none, nor do labels of more than kManyExamples, which say it all.
inline constexpr int kManyExamples = 50;
std::vector<LabelledText> NameHints(std::span<const LabelledText> examples);
// "" for a name that says nothing.
std::string WordsOfName(std::string_view name);

// Over the sorted examples: the order of lines does not matter, repetitions do.
std::string ExamplesSha256(std::span<const LabelledText> examples);

// What of the examples a head can be trained on: labels as numbers.
struct LabelIndex {
  std::vector<std::string> labels;  // in-scope, sorted
  std::vector<int> label_of;        // [examples], index into `labels`, or -1 for out of scope
};
LabelIndex IndexLabels(std::span<const LabelledText> examples);

// A fold for each example in [0, num_folds): every label is spread evenly, and texts that are equal but for case and
// white space stay together, or one of them in training would give away the other. -1 for an example that no fold may
// hold out: a hint, or one whose label would have no other text left to train on. Out-of-scope examples are spread too.
// Depends on the texts and labels alone, not on their order.
std::vector<int> AssignFolds(std::span<const LabelledText> examples, int num_folds);

}  // namespace bantam
