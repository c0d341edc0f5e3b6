// Token ids of one text or two -> a sequence of the model: special tokens and token types as the tokenizer's template
// says, and what is left out where they are too long, as Hugging Face `tokenizers` does it.
//
//   const Encoding a = tokenizer.Encode(question, kBare), b = tokenizer.Encode(passage, kBare);
//   const auto& pieces = tokenizer.pair_template();
//   auto lengths = TruncatePair({a.ids.size(), b.ids.size()}, 512 - NumAddedTokens(pieces),
//   PairTruncation::kOnlySecond); JoinedTokens joined = JoinTokens(pieces, first(a.ids, lengths->first), first(b.ids,
//   lengths->second));
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace bantam {

// Encoding a text whose special tokens are added later.
inline constexpr EncodeOptions kBareTokens{.add_special_tokens = false};
inline constexpr EncodeOptions kBareTokensWithOffsets{.add_special_tokens = false, .offsets = true};

enum class PairTruncation {
  kLongestFirst,  // the longer one, until both are equally long; then both
  kOnlyFirst,
  kOnlySecond,
};
std::string_view PairTruncationName(PairTruncation truncation);  // "longest_first", "only_first", "only_second"
Result<PairTruncation> ParsePairTruncation(std::string_view name);

struct PairLengths {
  size_t first = 0;
  size_t second = 0;
  size_t total() const { return first + second; }
  bool operator==(const PairLengths&) const = default;
};

// How many tokens of each are kept, so that both have at most `max_tokens` (special tokens not counted). Nothing where
// the one that may be cut would have to be cut to nothing.
std::optional<PairLengths> TruncatePair(const PairLengths& lengths, size_t max_tokens, PairTruncation truncation);

// Tokens that the template adds to the texts.
size_t NumAddedTokens(const TokenTemplate& pieces);

struct JoinedTokens {
  std::vector<int32_t> ids;
  std::vector<int32_t> type_ids;
  size_t first_begin = 0;   // where the first text's tokens are
  size_t second_begin = 0;  // and the second's, if there is one
};
JoinedTokens JoinTokens(const TokenTemplate& pieces, std::span<const int32_t> first,
                        std::span<const int32_t> second = {});

// Parts of a text of `length` tokens, each at most `size` long; each begins `stride` tokens before the one before it
// ends. stride < size. One part, maybe empty, where everything fits.
struct TokenRange {
  size_t begin = 0;
  size_t end = 0;
  size_t size() const { return end - begin; }
  bool operator==(const TokenRange&) const = default;
};
std::vector<TokenRange> OverlappingWindows(size_t length, size_t size, size_t stride);

}  // namespace bantam
