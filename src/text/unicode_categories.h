// Characters as regular expressions and Unicode normalization see them, each as the reference does it
// (golden/make_category_tables.py says how that was found). Constant time, but for the two maps: logarithmic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "text/unicode.h"

namespace bantam::text {

// Bits of CategoriesOf:
//   kHfLu ...         general categories in the patterns of `tokenizers`; kHfN has all numbers, kHfNd the decimal ones
//   kTtLu ...         the same in the patterns of `tiktoken`
//   kNumeric          the pre-tokenizer Digits sets it apart
//   kCombiningMark    the normalizer StripAccents drops it
//   kJoinsBefore      extends the grapheme before it;  kJoinsAfter  the grapheme goes on after it
//   kNeverJoined      controls: a grapheme of their own
//   kPictograph       emoji that zero width joiners join
#include "text/category_tables.inc"

// c: at most U+10FFFF.
inline uint32_t CategoriesOf(char32_t c) {
  constexpr char32_t kInBlock = (1U << kBlockBits) - 1;
  const size_t block = kCategoryBlockOf[c >> kBlockBits];
  return kCategories[kCategoryOf[block << kBlockBits | (c & kInBlock)]];
}

inline bool IsSpace(char32_t c) { return (ClassOf(c).flags & kSpace) != 0; }

// The full compatibility decomposition where it differs from the canonical one, else empty.
std::span<const uint32_t> CompatibilityDecomposition(char32_t c);
// The character that two compose to, Hangul included; 0 when they do not.
char32_t Composition(char32_t first, char32_t second);

}  // namespace bantam::text
