#include "text/charsmap.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/text_util.h"

namespace bantam::text {
namespace {

static_assert(std::endian::native == std::endian::little, "the trie is read as it lies");

// A unit of the trie: what byte leads to it, whether a key ends at it, and where its children are.
uint32_t OffsetOf(uint32_t unit) { return (unit >> 10) << ((unit & (1U << 9)) >> 6); }
bool HasLeaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t LabelOf(uint32_t unit) { return unit & ((1U << 31) | 0xFF); }
uint32_t ValueOf(uint32_t unit) { return unit & ~(1U << 31); }

// Rules replace a few characters by a few; this bounds what a file can make of each step through a text.
constexpr size_t kMostReplacementBytes = 1'024;

}  // namespace

Result<Charsmap> Charsmap::Parse(std::string_view bytes) {
  uint32_t trie_bytes = 0;
  if (bytes.size() <= sizeof trie_bytes) {
    return Err(ErrorCode::kCorrupt, "has {} bytes, too few for a character map", bytes.size());
  }
  std::memcpy(&trie_bytes, bytes.data(), sizeof trie_bytes);
  bytes.remove_prefix(sizeof trie_bytes);
  if (trie_bytes > bytes.size() || trie_bytes % 4 != 0 || trie_bytes == 0) {
    return Err(ErrorCode::kCorrupt, "claims a trie of {} bytes and has {}", trie_bytes, bytes.size());
  }
  Charsmap out;
  out.units_.resize(trie_bytes / 4);
  std::memcpy(out.units_.data(), bytes.data(), trie_bytes);
  out.pool_ = bytes.substr(trie_bytes);
  if (FirstInvalidUtf8(out.pool_)) return Err(ErrorCode::kCorrupt, "has replacements that are not UTF-8");
  for (size_t begin = 0; begin < out.pool_.size();) {
    const size_t end = std::min(out.pool_.find('\0', begin), out.pool_.size());
    if (end - begin > kMostReplacementBytes) {
      return Err(ErrorCode::kTooLarge, "has a replacement of {} bytes, the limit is {}", end - begin,
                 kMostReplacementBytes);
    }
    begin = end + 1;
  }
  return out;
}

Charsmap::Match Charsmap::Find(std::string_view text, bool longest) const {
  Match match;
  size_t at = OffsetOf(units_[0]);
  for (size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    at ^= byte;
    if (at >= units_.size() || LabelOf(units_[at]) != byte) break;
    const uint32_t unit = units_[at];
    at ^= OffsetOf(unit);
    if (!HasLeaf(unit) || at >= units_.size()) continue;
    const size_t place = ValueOf(units_[at]);
    // A place inside a character would make ill-formed text of well-formed.
    if (place > pool_.size() || (place < pool_.size() && (pool_[place] & 0xC0) == 0x80)) continue;
    match.length = i + 1;
    match.replacement = std::string_view(pool_).substr(place);
    match.replacement = match.replacement.substr(0, std::min(match.replacement.find('\0'), match.replacement.size()));
    if (!longest) break;
  }
  return match;
}

}  // namespace bantam::text
