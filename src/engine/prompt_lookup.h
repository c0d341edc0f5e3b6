// Drafts from what a text itself says: its last tokens stand earlier in prompt or text, and what followed there may
// follow here. Quotes, summaries, code that is edited and lists repeat themselves so.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace bantam {

struct Repeat {
  static constexpr int kFewest = 2, kMost = 16;  // tokens that are alike: fewer foresee nothing, more no better
  int matched = 0;                               // 0: the end of the text is new
  size_t next = 0;                               // the place of the token that followed
};

// The longest end of `tokens` that stands earlier in it; of equally long ones the last. A scan: 16,000 tokens take a
// few microseconds, a step of the smallest model takes thousands.
inline Repeat FindRepeat(std::span<const int32_t> tokens) {
  Repeat best;
  const size_t n = tokens.size();
  if (n <= Repeat::kFewest) return best;
  const int32_t last = tokens[n - 1], before = tokens[n - 2];
  for (size_t next = n - 1; next >= Repeat::kFewest; --next) {
    if (tokens[next - 1] != last || tokens[next - 2] != before) continue;
    const auto most = static_cast<int>(std::min<size_t>(next, Repeat::kMost));
    int matched = Repeat::kFewest;
    while (matched < most &&
           tokens[next - 1 - static_cast<size_t>(matched)] == tokens[n - 1 - static_cast<size_t>(matched)]) {
      ++matched;
    }
    if (matched > best.matched) best = {matched, next};
    if (best.matched == Repeat::kMost) break;
  }
  return best;
}

// The `count` tokens that followed; where the text ends they are taken to go round.
inline void CopyRepeat(std::span<const int32_t> tokens, const Repeat& repeat, size_t count, std::vector<int32_t>& out) {
  out.clear();
  const size_t period = tokens.size() - repeat.next;
  for (size_t i = 0; i < count; ++i) out.push_back(tokens[repeat.next + i % period]);
}

}  // namespace bantam
