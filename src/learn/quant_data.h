// What a quantised model is measured on: a user's own lines, or built-in sentences.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_io.h"
#include "learn/examples.h"

namespace bantam {

enum class QuantTask {
  kSentences,   // nothing known about the texts: only the cosine to the original's vectors
  kLabels,      // {"text", "label"}: accuracy of a logistic regression on the vectors, cross-validated
  kSimilarity,  // {"text1", "text2", "score"}: Spearman's rank correlation of cosine and score
};

struct QuantData {
  QuantTask task = QuantTask::kSentences;
  std::vector<std::string> texts;      // of pairs: first and second in turn
  std::vector<LabelledText> examples;  // kLabels, of the same texts
  std::vector<double> scores;          // kSimilarity, one for each pair
  std::string sha256;                  // of the file
};

// The first line says which kind of file it is. Of pairs, the keys may also be sentence1, sentence2 and label, or a, b
// and score. `splits`: keep lines whose "split" is one of these; empty: keep all.
Result<QuantData> ReadQuantData(const Path& path, const std::vector<std::string>& splits);

// The built-in sentences.
QuantData SampleSentences();

}  // namespace bantam
