#include "route/suggest.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text_util.h"

namespace bantam {
namespace {

std::u32string CodePoints(std::string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    length = std::min(length, text.size() - i);
    char32_t c = length == 1 ? lead : lead & (0x7F >> length);
    for (size_t j = 1; j < length; ++j) c = c << 6 | (static_cast<unsigned char>(text[i + j]) & 0x3F);
    out.push_back(c);
    i += length;
  }
  return out;
}

std::string LowerAscii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

int EditDistance(std::string_view a_text, std::string_view b_text, int limit) {
  const std::u32string a = CodePoints(a_text), b = CodePoints(b_text);
  const int n = static_cast<int>(a.size()), m = static_cast<int>(b.size());
  const int too_far = limit + 1;
  if (std::abs(n - m) > limit) return too_far;
  // rows[i % 3][j]: distance of a's first i and b's first j letters; only the band |i - j| <= limit is needed.
  std::vector<int> rows[3];
  for (auto& row : rows) row.assign(static_cast<size_t>(m) + 1, too_far);
  for (int i = 0; i <= n; ++i) {
    std::vector<int>& row = rows[i % 3];
    const std::vector<int>& above = rows[(i + 2) % 3];
    const std::vector<int>& two_above = rows[(i + 1) % 3];
    std::fill(row.begin(), row.end(), too_far);
    int best = too_far;
    for (int j = std::max(0, i - limit); j <= std::min(m, i + limit); ++j) {
      const auto J = static_cast<size_t>(j);
      int d = too_far;
      if (i == 0) {
        d = j;
      } else if (j == 0) {
        d = i;
      } else {
        const char32_t x = a[static_cast<size_t>(i - 1)], y = b[J - 1];
        d = std::min({above[J] + 1, row[J - 1] + 1, above[J - 1] + (x == y ? 0 : 1)});
        if (i > 1 && j > 1 && x == b[J - 2] && y == a[static_cast<size_t>(i - 2)])
          d = std::min(d, two_above[J - 2] + 1);
      }
      row[J] = std::min(d, too_far);
      best = std::min(best, row[J]);
    }
    if (best >= too_far && i > 0) return too_far;
  }
  return rows[n % 3][static_cast<size_t>(m)];
}

std::optional<std::string> Nearest(std::string_view word, std::span<const std::string> candidates) {
  if (word.size() > 200) return std::nullopt;
  const std::string lower = LowerAscii(word);
  int best = std::max(1, static_cast<int>(CodePoints(word).size()) / 3) + 1;
  std::optional<std::string> nearest;
  for (const std::string& candidate : candidates) {
    const std::string other = LowerAscii(candidate);
    // "examples" for "examples_file"
    const bool beginning =
        word.size() >= 4 && other.size() >= 4 && (other.starts_with(lower) || lower.starts_with(other));
    const int distance = beginning ? std::min(1, best - 1) : EditDistance(lower, other, best - 1);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string DidYouMean(std::string_view word, std::span<const std::string> candidates) {
  if (const auto nearest = Nearest(word, candidates)) return fmt::format("; did you mean \"{}\"?", *nearest);
  if (!candidates.empty() && candidates.size() <= 12) return fmt::format("; known are {}", QuotedList(candidates));
  return {};
}

std::string QuotedList(std::span<const std::string> words, std::string_view last_joint) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? fmt::format(" {} ", last_joint) : ", ";
    out += fmt::format("\"{}\"", EscapeForTerminal(words[i], 60));
  }
  return out;
}

}  // namespace bantam
