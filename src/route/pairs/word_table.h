// What the verifier of the semantic cache knows about words: which mean the same, which must not be taken for each
// other, and which say nothing. From words.txt, which is part of the program.
//
//   const WordTable& table = WordTable::BuiltIn();
//   if (auto match = table.Longest(words, i)) i += match->num_words;
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "route/pairs/pair_check.h"

namespace bantam {

// A word or phrase that the table knows.
struct KnownWord {
  int group = 0;  // a line of the table; kFiller: says nothing
  int side = 0;   // which of its contrasted meanings
  PairCheck check = PairCheck::kWords;
  static constexpr int kFiller = -1;
};

struct WordMatch {
  KnownWord known;
  size_t num_words = 0;
  size_t particle = 0;  // where the "off" of "turn my alerts off" stands, counted from the verb; 0: no such
};

// Immutable and thread-safe.
class WordTable {
 public:
  static const WordTable& BuiltIn();
  // kCorrupt, naming the line, for a heading that is no check or a phrase that stands twice.
  static Result<WordTable> Parse(std::string_view text);

  // The longest known phrase that begins at `words[at]`. Words are stems (Stem).
  std::optional<WordMatch> Longest(std::span<const std::string> words, size_t at) const;

 private:
  Status AddLine(std::string_view line, std::string_view place, std::optional<PairCheck> check, bool filler);
  Status AddPhrase(std::string_view phrase, const KnownWord& known, std::string_view place);

  std::unordered_map<std::string, KnownWord> phrases_;  // stems with a space between
  std::unordered_map<std::string, KnownWord> parted_;   // "turn off": verbs that a particle may follow later
  size_t longest_ = 1;                                  // words of the longest phrase
  int num_groups_ = 0;
};

// Lower-case English without its inflection: "charges", "charged" and "charging" give one stem. Nothing more clever:
// a stem is compared with stems, never shown.
std::string Stem(std::string_view word);

}  // namespace bantam
