// A text as words, for the small deterministic readers of this folder: lower case, punctuation gone, places kept.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bantam {

struct Word {
  std::string text;  // "Doesn't" -> "doesnt"
  size_t begin = 0;  // bytes of the original text
  size_t end = 0;
};

// Letters and digits make words; an apostrophe inside one is dropped. ASCII and Latin-1 letters are lowered; any other
// character that is not punctuation or space counts as a letter.
std::vector<Word> SplitWords(std::string_view text);
std::string JoinWords(std::span<const Word> words);

// How many words of `words`, from the first on, are exactly `phrase` ("never mind"); 0 when they are not.
size_t MatchPhrase(std::span<const Word> words, std::string_view phrase);
// The longest of the phrases that begins `words`.
size_t MatchAny(std::span<const Word> words, std::span<const std::string_view> phrases);

}  // namespace bantam
