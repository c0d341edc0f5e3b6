// A text whose parts are named by code points, as tokenizers give their offsets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace bantam {

class CodePoints {
 public:
  // What is not UTF-8 is repaired as the tokenizer repairs it, so that positions agree. `text` must live as long.
  explicit CodePoints(std::string_view text);

  // The text that positions are of.
  std::string_view text() const { return text_; }
  size_t size() const { return begins_.size() - 1; }
  std::string_view Cut(TokenSpan span) const { return text_.substr(At(span.begin), At(span.end) - At(span.begin)); }

  static size_t Count(std::string_view text);

 private:
  size_t At(uint32_t i) const { return begins_[i < begins_.size() ? i : begins_.size() - 1]; }
  std::string repaired_;
  std::string_view text_;
  std::vector<size_t> begins_;  // of each code point, and the end
};

}  // namespace bantam
