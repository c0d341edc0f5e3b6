#include "route/scripts.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/text_util.h"
#include "text/unicode.h"

namespace bantam {
namespace {

constexpr size_t kFewestLetters = 4;
constexpr double kKnownShare = 0.01;  // of the examples' letters: fewer are quoted words
// An encoder that has learned a language has pieces of it: two letters each at least on average, and one and a half of
// Chinese. One that has not falls back on single letters or on its unknown token.
constexpr double kFewestLettersAToken = 1.3;

struct Range {
  char32_t first, last;
  int script;
};
constexpr std::array<std::string_view, 14> kNames = {"Latin",    "Greek",      "Cyrillic", "Armenian", "Hebrew",
                                                     "Arabic",   "Devanagari", "Bengali",  "Tamil",    "Thai",
                                                     "Georgian", "Hangul",     "Kana",     "Han"};
// Letters only, in order.
constexpr std::array kRanges = {
    Range{'A', 'Z', 0},        Range{'a', 'z', 0},          Range{0xC0, 0x24F, 0},     Range{0x370, 0x3FF, 1},
    Range{0x400, 0x52F, 2},    Range{0x531, 0x58F, 3},      Range{0x5D0, 0x5EA, 4},    Range{0x620, 0x6FF, 5},
    Range{0x750, 0x77F, 5},    Range{0x900, 0x97F, 6},      Range{0x980, 0x9FF, 7},    Range{0xB80, 0xBFF, 8},
    Range{0xE00, 0xE7F, 9},    Range{0x10A0, 0x10FF, 10},   Range{0x1100, 0x11FF, 11}, Range{0x1E00, 0x1EFF, 0},
    Range{0x1F00, 0x1FFF, 1},  Range{0x3041, 0x30FF, 12},   Range{0x3400, 0x4DBF, 13}, Range{0x4E00, 0x9FFF, 13},
    Range{0xAC00, 0xD7A3, 11}, Range{0x20000, 0x3FFFF, 13},
};

struct Letters {
  std::array<size_t, kNames.size()> by_script{};
  size_t all = 0;
};

// `words` is well-formed.
void Count(std::string_view words, Letters& letters) {
  for (size_t at = 0; at < words.size();) {
    const text::Decoded c = text::DecodeUtf8(words.data() + at);
    at += c.length;
    const auto range = std::ranges::lower_bound(kRanges, c.code_point, {}, &Range::last);
    if (range == kRanges.end() || c.code_point < range->first) continue;
    ++letters.by_script[static_cast<size_t>(range->script)];
    ++letters.all;
  }
}

// Whether the tokenizer has pieces of this language, not only letters.
bool IsKnown(const Tokenizer& tokenizer, std::string_view text, size_t letters) {
  const std::vector<int32_t> ids = tokenizer.Encode(text, {.add_special_tokens = false}).ids;
  const int32_t unknown = std::max(tokenizer.TokenId("[UNK]"), tokenizer.TokenId("<unk>"));
  if (2 * static_cast<size_t>(std::ranges::count(ids, unknown)) > ids.size()) return false;
  return static_cast<double>(letters) >= kFewestLettersAToken * static_cast<double>(ids.size());
}

}  // namespace

KnownScripts::KnownScripts(std::span<const LabelledText> examples) {
  Letters letters;
  for (const LabelledText& example : examples) Count(ReplaceInvalidUtf8(example.text), letters);
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (static_cast<double>(letters.by_script[i]) > kKnownShare * static_cast<double>(letters.all)) known_ |= 1U << i;
  }
}

std::string_view KnownScripts::ForeignScript(std::string_view text, const Tokenizer& tokenizer) const {
  const bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii && (known_ & 1) != 0) return {};
  const std::string well_formed = ReplaceInvalidUtf8(text);
  Letters letters;
  Count(well_formed, letters);
  if (letters.all < kFewestLetters) return {};
  const auto most = std::ranges::max_element(letters.by_script);
  const auto script = static_cast<size_t>(most - letters.by_script.begin());
  if ((known_ >> script & 1) != 0 || 2 * *most <= letters.all) return {};
  return IsKnown(tokenizer, well_formed, letters.all) ? std::string_view() : kNames[script];
}

}  // namespace bantam
