#include "route/forms/words.h"

#include <algorithm>

#include "base/text_util.h"

namespace bantam {
namespace {

struct Character {
  char32_t code = 0;
  size_t length = 1;
};

// Well-formed UTF-8 or a byte that stands for itself.
Character CharacterAt(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const size_t length = lead < 0xC2 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 1;
  if (length == 1 || at + length > text.size()) return {lead, 1};
  char32_t code = lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if ((byte & 0xC0) != 0x80) return {lead, 1};
    code = code << 6 | (byte & 0x3F);
  }
  return {code, length};
}

bool IsApostrophe(char32_t c) { return c == '\'' || c == 0x2019 || c == 0x2BC; }

bool IsWordCharacter(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (c < 0xC0) return c == 0xAA || c == 0xB5 || c == 0xBA;
  return c != 0xD7 && c != 0xF7 && !(c >= 0x2000 && c <= 0x206F) && !(c >= 0x20A0 && c <= 0x20CF) &&
         !(c >= 0x3000 && c <= 0x3003);
}

char32_t Lower(char32_t c) {
  if (c >= 'A' && c <= 'Z') return c + 32;
  if (c >= 0xC0 && c <= 0xDE) return c + 32;
  return c;
}

}  // namespace

std::vector<Word> SplitWords(std::string_view text) {
  std::vector<Word> words;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const Character c = CharacterAt(text, at);
    if (IsWordCharacter(c.code)) {
      if (!inside) words.push_back({{}, at, at});
      inside = true;
      AppendUtf8(Lower(c.code), words.back().text);
      words.back().end = at + c.length;
    } else if (inside && IsApostrophe(c.code) && at + c.length < text.size() &&
               IsWordCharacter(CharacterAt(text, at + c.length).code)) {
      // dropped: "doesn't" and "doesnt" are one word
    } else {
      inside = false;
    }
    at += c.length;
  }
  return words;
}

std::string JoinWords(std::span<const Word> words) {
  std::string out;
  for (const Word& word : words) {
    if (!out.empty()) out += ' ';
    out += word.text;
  }
  return out;
}

size_t MatchPhrase(std::span<const Word> words, std::string_view phrase) {
  size_t used = 0;
  while (!phrase.empty()) {
    const size_t space = std::min(phrase.find(' '), phrase.size());
    if (used == words.size() || words[used].text != phrase.substr(0, space)) return 0;
    ++used;
    phrase.remove_prefix(std::min(space + 1, phrase.size()));
  }
  return used;
}

size_t MatchAny(std::span<const Word> words, std::span<const std::string_view> phrases) {
  size_t longest = 0;
  for (const std::string_view phrase : phrases) longest = std::max(longest, MatchPhrase(words, phrase));
  return longest;
}

}  // namespace bantam
