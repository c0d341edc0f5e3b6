// "did you mean ...?" for words that are nearly right.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bantam {

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment), by
// code points; anything above `limit` is given as limit + 1. Cost: length of a times limit.
int EditDistance(std::string_view a, std::string_view b, int limit);

// The candidate nearest to `word` when it is near enough to be a slip (a third of its letters, case ignored).
std::optional<std::string> Nearest(std::string_view word, std::span<const std::string> candidates);

// `; did you mean "utterances"?`, or else `; known are "a", "b" and "c"` when the list is short, or nothing.
std::string DidYouMean(std::string_view word, std::span<const std::string> candidates);

// "a", "b" and "c", each quoted.
std::string QuotedList(std::span<const std::string> words, std::string_view last_joint = "and");

}  // namespace bantam
