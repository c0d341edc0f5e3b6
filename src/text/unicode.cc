#include "text/unicode.h"

#include <algorithm>

namespace bantam::text {
namespace {

// One of the two generated maps: pages of 256 characters, in a page the low bytes in order.
template <size_t kPages>
std::span<const uint32_t> Find(const uint16_t (&page_start)[kPages], const uint8_t* keys, const uint16_t* values,
                               const uint32_t* pool, char32_t c) {
  const size_t page = c >> 8;
  if (page + 1 >= kPages) return {};
  const uint8_t* begin = keys + page_start[page];
  const uint8_t* end = keys + page_start[page + 1];
  const auto low = static_cast<uint8_t>(c & 0xFF);
  const uint8_t* found = std::lower_bound(begin, end, low);
  if (found == end || *found != low) return {};
  const uint16_t value = values[found - keys];
  return {pool + (value >> 2), size_t{value & 3U} + 1};
}

}  // namespace

std::span<const uint32_t> Decomposition(char32_t c) {
  return Find(kDecompositionPage, kDecompositionKey, kDecompositionValue, kDecompositionPool, c);
}

std::span<const uint32_t> Lower(char32_t c) { return Find(kLowerPage, kLowerKey, kLowerValue, kLowerPool, c); }

}  // namespace bantam::text
