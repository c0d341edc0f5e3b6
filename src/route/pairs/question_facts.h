// What of a question its answer depends on, read from its words: numbers, names, negations, and the words that carry
// meaning, in order. English; of another language it says that it cannot read it.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "route/pairs/word_table.h"

namespace bantam {

// A word or phrase that carries meaning.
struct QuestionItem {
  std::string id;     // equal for words that mean the same
  std::string shown;  // as the question has it
  KnownWord known;    // of a word that the table knows; group -1 otherwise
  bool is_name = false;
  size_t word = 0;  // where it stands, counted in words
  size_t num_words = 1;
  std::string preposition = {};  // the one that governs it: from, to, by, ...
};

struct QuestionFacts {
  std::vector<QuestionItem> items;
  std::vector<std::string> words;    // all of them, lower case
  std::vector<std::string> numbers;  // "20", "#3" for third, "10:30"; in order
  std::set<std::string> names;       // that must be the same: quoted, capitalised, codes, addresses
  int negations = 0;
  std::set<char> owners;      // of "my" (1), "your" (2), "her" (3)
  std::vector<char> persons;  // who does what to whom: 1 and 2, in order
  bool past = false, future = false;
  bool readable = false;  // English enough for all this to mean something
};

QuestionFacts ReadQuestion(std::string_view text);

}  // namespace bantam
