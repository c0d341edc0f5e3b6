// How people say which of a few choices they mean.
#include <algorithm>
#include <array>

#include "route/forms/phrases.h"
#include "route/forms/words.h"

namespace bantam::phrases {
namespace {

constexpr std::array<std::string_view, 64> kFunctionWords = {
    "a",     "an",   "the",   "this", "that",  "these", "those", "is",     "are",  "am",    "be",    "do",    "does",
    "did",   "can",  "could", "will", "would", "i",     "you",   "we",     "it",   "its",   "my",    "your",  "our",
    "me",    "of",   "to",    "in",   "on",    "at",    "for",   "with",   "and",  "or",    "not",   "no",    "what",
    "where", "when", "how",   "who",  "which", "why",   "get",   "have",   "has",  "there", "about", "from",  "by",
    "if",    "one",  "ones",  "mean", "meant", "want",  "thing", "please", "need", "id",    "im",    "thanks"};

// Said around a place in a list.
constexpr std::array<std::string_view, 24> kAround = {
    "the", "option", "number", "choice", "answer", "please", "i",      "mean", "meant", "its", "it", "is",
    "was", "thats",  "that",   "would",  "be",     "take",   "thanks", "ill",  "id",    "say", "of", "them"};

constexpr std::array<std::array<std::string_view, 4>, 5> kPlaces = {{
    {"1", "one", "first", "1st"},
    {"2", "two", "second", "2nd"},
    {"3", "three", "third", "3rd"},
    {"4", "four", "fourth", "4th"},
    {"5", "five", "fifth", "5th"},
}};

constexpr std::array<std::string_view, 20> kNone = {"none",
                                                    "none of them",
                                                    "none of these",
                                                    "none of those",
                                                    "none of the above",
                                                    "neither",
                                                    "neither one",
                                                    "neither of them",
                                                    "neither of these",
                                                    "neither of those",
                                                    "something else",
                                                    "sth else",
                                                    "another one",
                                                    "other",
                                                    "nothing of that",
                                                    "not one of them",
                                                    "no neither",
                                                    "no none",
                                                    "no something else",
                                                    "none of it"};

bool Holds(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

bool IsFunctionWord(std::string_view word) { return Holds(kFunctionWords, word); }

std::optional<size_t> ReadPlace(std::string_view text, size_t count) {
  std::vector<Word> words = SplitWords(text);
  std::erase_if(words, [](const Word& word) { return Holds(kAround, word.text); });
  if (words.size() == 2 && words[1].text == "one") words.pop_back();  // "the first one"
  if (words.size() != 1 || count == 0) return std::nullopt;
  const std::string& word = words[0].text;
  if (word == "last" || (word == "latter" && count == 2)) return count - 1;
  if (word == "former" && count == 2) return 0;
  for (size_t i = 0; i < std::min(count, kPlaces.size()); ++i) {
    if (Holds(kPlaces[i], word)) return i;
  }
  return std::nullopt;
}

bool MeansNone(std::string_view text) {
  const std::vector<Word> words = SplitWords(text);
  const size_t matched = MatchAny(words, kNone);
  const bool polite = words.size() == matched + 1 && (words.back().text == "please" || words.back().text == "thanks");
  return (matched > 0 && (matched == words.size() || polite)) || ReadReply(text) == Reply::kNo;
}

}  // namespace bantam::phrases
