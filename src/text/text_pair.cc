#include "text/text_pair.h"

#include <algorithm>

#include "base/check.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr std::pair<std::string_view, PairTruncation> kTruncations[] = {
    {"longest_first", PairTruncation::kLongestFirst},
    {"only_first", PairTruncation::kOnlyFirst},
    {"only_second", PairTruncation::kOnlySecond},
};

// As the reference decides it: the shorter text stays whole while it is at most half of what there is room for.
PairLengths CutLongest(const PairLengths& lengths, size_t max_tokens) {
  const bool swapped = lengths.first > lengths.second;
  size_t shorter = std::min(lengths.first, lengths.second);
  size_t longer = shorter > max_tokens ? shorter : std::max(shorter, max_tokens - shorter);
  if (shorter + longer > max_tokens) {
    shorter = max_tokens / 2;
    longer = shorter + max_tokens % 2;
  }
  return swapped ? PairLengths{longer, shorter} : PairLengths{shorter, longer};
}

}  // namespace

std::string_view PairTruncationName(PairTruncation truncation) {
  for (const auto& [name, value] : kTruncations) {
    if (value == truncation) return name;
  }
  return "";
}

Result<PairTruncation> ParsePairTruncation(std::string_view name) {
  for (const auto& [known, value] : kTruncations) {
    if (known == name) return value;
  }
  return Err(ErrorCode::kInvalidArgument, "truncation \"{}\"; known: longest_first, only_first, only_second",
             EscapeForTerminal(name, 80));
}

std::optional<PairLengths> TruncatePair(const PairLengths& lengths, size_t max_tokens, PairTruncation truncation) {
  if (lengths.total() <= max_tokens) return lengths;
  const size_t too_many = lengths.total() - max_tokens;
  PairLengths kept = lengths;
  if (truncation == PairTruncation::kLongestFirst) return CutLongest(lengths, max_tokens);
  size_t& cut = truncation == PairTruncation::kOnlyFirst ? kept.first : kept.second;
  if (cut <= too_many) return std::nullopt;
  cut -= too_many;
  return kept;
}

size_t NumAddedTokens(const TokenTemplate& pieces) {
  return static_cast<size_t>(std::ranges::count(pieces, TemplatePiece::Kind::kToken, &TemplatePiece::kind));
}

JoinedTokens JoinTokens(const TokenTemplate& pieces, std::span<const int32_t> first, std::span<const int32_t> second) {
  JoinedTokens joined;
  const size_t total = first.size() + second.size() + NumAddedTokens(pieces);
  joined.ids.reserve(total);
  joined.type_ids.reserve(total);
  for (const TemplatePiece& piece : pieces) {
    switch (piece.kind) {
      case TemplatePiece::Kind::kFirst:
        joined.first_begin = joined.ids.size();
        joined.ids.insert(joined.ids.end(), first.begin(), first.end());
        break;
      case TemplatePiece::Kind::kSecond:
        joined.second_begin = joined.ids.size();
        joined.ids.insert(joined.ids.end(), second.begin(), second.end());
        break;
      case TemplatePiece::Kind::kToken:
        joined.ids.push_back(piece.id);
        break;
    }
    joined.type_ids.resize(joined.ids.size(), piece.type_id);
  }
  return joined;
}

std::vector<TokenRange> OverlappingWindows(size_t length, size_t size, size_t stride) {
  BANTAM_CHECK(stride < size, "windows of {} tokens that overlap by {}", size, stride);
  std::vector<TokenRange> windows;
  for (size_t begin = 0;; begin += size - stride) {
    const size_t end = std::min(begin + size, length);
    windows.push_back({begin, end});
    if (end == length) return windows;
  }
}

}  // namespace bantam
