// The large parts of a tokenizer file, which are read as they come instead of becoming a JSON tree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace bantam::text {

// The merges of a BPE model, in the order of their rank.
class MergeList {
 public:
  static constexpr size_t kMost = size_t{4} << 20;
  struct Entry {
    std::string_view left, right;
  };
  // Errors name neither the file nor the place.
  Status Add(std::string_view left, std::string_view right);
  // "left right", as merges.txt and older files have them.
  Status AddLine(std::string_view line);
  size_t size() const { return spans_.size(); }
  Entry operator[](size_t i) const {
    const Span& span = spans_[i];
    const std::string_view both = std::string_view(text_).substr(span.begin, size_t{span.left} + span.right);
    return {both.substr(0, span.left), both.substr(span.left)};
  }

 private:
  struct Span {
    uint32_t begin, left, right;
  };
  std::string text_;
  std::vector<Span> spans_;
};

// A merge whose tokens are known already: what rank files give.
struct RankedMerge {
  int32_t left = 0;
  int32_t right = 0;
  uint32_t rank = 0;
  int32_t merged = 0;
};

struct ModelTables {
  Vocabulary vocabulary;
  std::vector<double> scores;  // by id; of a Unigram model
  MergeList merges;
  std::vector<RankedMerge> ranked_merges;
};

}  // namespace bantam::text
