#include "tasks/code_points.h"

#include <algorithm>

#include "base/text_util.h"

namespace bantam {
namespace {
bool BeginsCodePoint(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }
}  // namespace

CodePoints::CodePoints(std::string_view text) : text_(text) {
  if (FirstInvalidUtf8(text)) {
    repaired_ = ReplaceInvalidUtf8(text);
    text_ = repaired_;
  }
  for (size_t i = 0; i < text_.size(); ++i) {
    if (BeginsCodePoint(text_[i])) begins_.push_back(i);
  }
  begins_.push_back(text_.size());
}

size_t CodePoints::Count(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, BeginsCodePoint));
}

}  // namespace bantam
