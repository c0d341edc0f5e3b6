#include "route/forms/choice.h"

#include <algorithm>

#include "route/forms/words.h"
#include "route/suggest.h"

namespace bantam {
namespace {

struct Candidate {
  ChoiceMatch match;
  size_t words = 0;
  bool exact = true;
};

bool NearlySame(const Word& typed, const Word& meant) {
  return typed.text == meant.text ||
         (typed.text.size() >= 5 && meant.text.size() >= 5 && EditDistance(typed.text, meant.text, 1) <= 1);
}

// "I am here" must not be the "am" of a morning: a synonym of one or two letters counts in a short answer ("pm", "a
// pc"), or right after a number ("10 am").
bool ShortWordCounts(std::span<const Word> words, size_t at, bool in_passing) {
  if (at > 0 && words[at].text == "am" && words[at - 1].text == "i") return false;
  const bool after_number = at > 0 && words[at - 1].text.find_first_not_of("0123456789") == std::string::npos;
  return after_number || (!in_passing && words.size() <= 4);
}

// "3pm" is a number and a word, "12b" is not.
std::vector<Word> SplitUnits(std::vector<Word> words) {
  std::vector<Word> out;
  for (Word& word : words) {
    const size_t digits = std::min(word.text.find_first_not_of("0123456789"), word.text.size());
    const bool letters = word.text.find_first_of("0123456789", digits) == std::string::npos;
    if (digits == 0 || word.text.size() < digits + 2 || !letters) {
      out.push_back(std::move(word));
      continue;
    }
    out.push_back({word.text.substr(0, digits), word.begin, word.begin + digits});
    out.push_back({word.text.substr(digits), word.begin + digits, word.end});
  }
  return out;
}

}  // namespace

std::vector<ChoiceMatch> FindChoices(const Slot& slot, std::string_view text, bool in_passing) {
  const std::vector<Word> words = SplitUnits(SplitWords(text));
  std::vector<Candidate> candidates;
  const auto look_for = [&](size_t choice, std::string_view phrase_text) {
    const std::vector<Word> phrase = SplitUnits(SplitWords(phrase_text));
    if (phrase.empty()) return;
    for (size_t at = 0; at + phrase.size() <= words.size(); ++at) {
      bool near = true, exact = true;
      for (size_t i = 0; i < phrase.size() && near; ++i) {
        exact = exact && words[at + i].text == phrase[i].text;
        near = exact || (!in_passing && NearlySame(words[at + i], phrase[i]));
      }
      if (!near) continue;
      if (phrase.size() == 1 && phrase[0].text.size() <= 2 && !ShortWordCounts(words, at, in_passing)) continue;
      candidates.push_back({{choice, words[at].begin, words[at + phrase.size() - 1].end}, phrase.size(), exact});
    }
  };
  for (size_t choice = 0; choice < slot.choices.size(); ++choice) {
    look_for(choice, slot.choices[choice].first);
    for (const std::string& synonym : slot.choices[choice].second) look_for(choice, synonym);
  }
  // Best first: more words, exact, further to the left.
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.words != b.words) return a.words > b.words;
    if (a.exact != b.exact) return a.exact;
    return a.match.begin < b.match.begin;
  });
  std::vector<ChoiceMatch> matches;
  for (const Candidate& candidate : candidates) {
    const bool overlaps = std::any_of(matches.begin(), matches.end(), [&](const ChoiceMatch& taken) {
      return candidate.match.begin < taken.end && taken.begin < candidate.match.end;
    });
    if (!overlaps) matches.push_back(candidate.match);
  }
  return matches;
}

}  // namespace bantam
