#include "text/unicode_categories.h"

#include <algorithm>

namespace bantam::text {

std::span<const uint32_t> CompatibilityDecomposition(char32_t c) {
  if (c < kCompatibilityKey[0]) return {};
  const auto* found = std::lower_bound(std::begin(kCompatibilityKey), std::end(kCompatibilityKey), c);
  if (found == std::end(kCompatibilityKey) || *found != c) return {};
  const uint32_t value = kCompatibilityValue[found - kCompatibilityKey];
  return {kCompatibilityPool + (value >> 5), value & 31U};
}

char32_t Composition(char32_t first, char32_t second) {
  constexpr char32_t kLeads = 19, kVowels = 21, kFinals = 28;
  const char32_t lead = first - 0x1100, vowel = second - 0x1161, syllable = first - 0xAC00, final = second - 0x11A7;
  if (lead < kLeads && vowel < kVowels) return 0xAC00 + (lead * kVowels + vowel) * kFinals;
  if (syllable < kLeads * kVowels * kFinals && syllable % kFinals == 0 && final - 1 < kFinals - 1) return first + final;
  const uint64_t key = uint64_t{first} << 32 | second;
  const auto* found = std::lower_bound(std::begin(kCompositionKey), std::end(kCompositionKey), key);
  if (found == std::end(kCompositionKey) || *found != key) return 0;
  return kCompositionValue[found - kCompositionKey];
}

}  // namespace bantam::text
