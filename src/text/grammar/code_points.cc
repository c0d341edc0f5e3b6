#include "text/grammar/code_points.h"

#include <algorithm>
#include <array>

#include "base/text_util.h"

namespace bantam::grammar {
namespace {

constexpr uint32_t kLast = 0x10FFFF;
constexpr CodePointRange kSurrogates{0xD800, 0xDFFF};
// The last code point that 1, 2, 3 and 4 bytes spell.
constexpr std::array<uint32_t, 4> kLastOfLength{0x7F, 0x7FF, 0xFFFF, kLast};

size_t Encode(uint32_t c, std::array<uint8_t, 4>& out) {
  std::string text;
  AppendUtf8(static_cast<char32_t>(c), text);
  std::ranges::transform(text, out.begin(), [](char byte) { return static_cast<uint8_t>(byte); });
  return text.size();
}

// Both ends have the same length. `shift`: the bits below the one that is looked at.
void Split(CodePointRange range, const std::function<void(std::span<const ByteRange>)>& found) {
  for (const uint32_t bits : {6U, 12U, 18U}) {
    const uint32_t mask = (1U << bits) - 1;
    if ((range.first & ~mask) == (range.last & ~mask)) continue;  // the bytes above are the same
    if (range.first > 0x7F && (range.first & mask) != 0) {
      Split({range.first, range.first | mask}, found);
      Split({(range.first | mask) + 1, range.last}, found);
      return;
    }
    if (range.first > 0x7F && (range.last & mask) != mask) {
      Split({range.first, (range.last & ~mask) - 1}, found);
      Split({range.last & ~mask, range.last}, found);
      return;
    }
  }
  std::array<uint8_t, 4> low{}, high{};
  const size_t length = Encode(range.first, low);
  Encode(range.last, high);
  std::array<ByteRange, 4> sequence{};
  for (size_t i = 0; i < length; ++i) sequence[i] = {low[i], high[i]};
  found(std::span(sequence).first(length));
}

}  // namespace

CodePointSet::CodePointSet(std::initializer_list<CodePointRange> ranges) {
  for (const CodePointRange& range : ranges) Add(range);
}

CodePointSet CodePointSet::From(std::vector<CodePointRange> ranges) {
  std::ranges::sort(ranges, {}, &CodePointRange::first);
  CodePointSet out;
  for (const CodePointRange& range : ranges) out.Add(range);  // at the end each time
  return out;
}

CodePointSet CodePointSet::All() { return {{0, kLast}}; }

void CodePointSet::Add(CodePointRange range) {
  range.last = std::min(range.last, kLast);
  if (range.first > range.last) return;
  if (range.first <= kSurrogates.last && range.last >= kSurrogates.first) {
    if (range.first < kSurrogates.first) Add({range.first, kSurrogates.first - 1});
    if (range.last > kSurrogates.last) Add({kSurrogates.last + 1, range.last});
    return;
  }
  auto begin = std::ranges::lower_bound(ranges_, range.first, {}, [](const auto& each) { return each.last + 1; });
  auto end = begin;
  for (; end != ranges_.end() && end->first <= range.last + 1; ++end) {
    range.first = std::min(range.first, end->first);
    range.last = std::max(range.last, end->last);
  }
  ranges_.insert(ranges_.erase(begin, end), range);
}

void CodePointSet::Add(const CodePointSet& other) {
  for (const CodePointRange& range : other.ranges_) Add(range);
}

CodePointSet CodePointSet::Complement() const {
  CodePointSet out;
  uint32_t next = 0;
  for (const CodePointRange& range : ranges_) {
    if (range.first > next) out.Add({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLast) out.Add({next, kLast});
  return out;
}

CodePointSet CodePointSet::Intersect(const CodePointSet& other) const {
  CodePointSet both = Complement();
  both.Add(other.Complement());
  return both.Complement();
}

bool CodePointSet::Has(uint32_t code_point) const {
  const auto at = std::ranges::lower_bound(ranges_, code_point, {}, &CodePointRange::last);
  return at != ranges_.end() && at->first <= code_point;
}

void EachUtf8Sequence(CodePointRange range, const std::function<void(std::span<const ByteRange>)>& found) {
  for (const uint32_t end : kLastOfLength) {
    if (range.first > end) continue;
    Split({range.first, std::min(range.last, end)}, found);
    if (range.last <= end) return;
    range.first = end + 1;
  }
}

std::vector<uint32_t> DecodeUtf8(std::string_view text) {
  std::vector<uint32_t> out;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t c = length == 1 ? lead : lead & (0x7FU >> length);
    for (size_t k = 1; k < length && i + k < text.size(); ++k) c = c << 6 | (static_cast<uint8_t>(text[i + k]) & 0x3FU);
    out.push_back(c);
    i += length;
  }
  return out;
}

}  // namespace bantam::grammar
