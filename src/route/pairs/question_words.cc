#include "route/pairs/question_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "route/pairs/word_table.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

constexpr std::string_view kDigits = "0123456789";
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsLetter(char c) { return IsUpper(c) || IsLower(c) || static_cast<unsigned char>(c) >= 0x80; }

template <typename Test>
bool Any(std::string_view text, Test test) {
  return std::any_of(text.begin(), text.end(), test);
}

const WordTable& Table() { return WordTable::BuiltIn(); }
bool IsKnown(std::string_view lower) {
  const std::string stem = Stem(lower);
  return Table().Longest(std::span(&stem, 1), 0).has_value();
}

struct Sign {
  std::string_view sign, word;
};
constexpr std::array<Sign, 6> kSigns = {
    {{"$", "usd"}, {"€", "eur"}, {"£", "gbp"}, {"¥", "jpy"}, {"₹", "inr"}, {"%", "percent"}}};

struct Contraction {
  std::string_view end, word;  // "'ll" is "will"
};
constexpr std::array<Contraction, 6> kContractions = {
    {{"'re", "are"}, {"'ve", "have"}, {"'ll", "will"}, {"'d", "would"}, {"'m", "am"}, {"'s", ""}}};
// As people type them without the apostrophe.
constexpr std::array<std::string_view, 16> kWithoutApostrophe = {
    "cant", "dont",    "doesnt", "didnt",  "isnt",    "arent",    "wasnt", "werent",
    "wont", "couldnt", "hasnt",  "havent", "wouldnt", "shouldnt", "hadnt", "cannot"};

bool IsAddress(std::string_view chunk) {
  return chunk.find("://") != chunk.npos || chunk.starts_with("www.") || chunk.find('@') != chunk.npos ||
         chunk.find('_') != chunk.npos || chunk.find('\\') != chunk.npos || chunk.starts_with('/') ||
         chunk.starts_with("~/") || chunk.starts_with('#');
}

// A dot between letters or digits of which some are letters: "notes.txt", "v2.1"; not "U.S".
bool HasInnerDot(std::string_view chunk) {
  if (!Any(chunk, IsLetter)) return false;
  for (size_t i = 1; i + 1 < chunk.size(); ++i) {
    if (chunk[i] == '.' && (i > 1 || IsDigit(chunk[i + 1]) || chunk.size() - i > 2)) return true;
  }
  return false;
}

struct NumberText {
  std::string value, sign_word, suffix;
};

// "$1,200.50", "20%", "5kg", "10:30am", "3rd". Nothing when it does not begin like a number.
std::optional<NumberText> ParseNumber(std::string_view chunk) {
  NumberText number;
  for (const Sign& sign : kSigns) {
    if (sign.sign != "%" && chunk.starts_with(sign.sign)) {
      number.sign_word = sign.word;
      chunk.remove_prefix(sign.sign.size());
      break;
    }
  }
  if (chunk.empty() ||
      !(IsDigit(chunk[0]) || ((chunk[0] == '+' || chunk[0] == '-') && chunk.size() > 1 && IsDigit(chunk[1]))))
    return std::nullopt;
  size_t end = chunk[0] == '+' || chunk[0] == '-' ? 1 : 0;
  number.value = chunk[0] == '-' ? "-" : "";
  bool point = false, clock = false;
  for (; end < chunk.size(); ++end) {
    const char c = chunk[end];
    const bool digit_next = end + 1 < chunk.size() && IsDigit(chunk[end + 1]);
    if (IsDigit(c)) {
      number.value += c;
    } else if (c == ':' && digit_next) {
      number.value += c;
      clock = true;
    } else if (c == ',' && digit_next) {
      const size_t group = chunk.find_first_not_of(kDigits, end + 1);
      if (std::min(group, chunk.size()) - end - 1 != 3) number.value += '.', point = true;  // else thousands
    } else if (c == '.' && digit_next) {
      number.value += c;
      point = true;
    } else {
      break;
    }
  }
  number.suffix = NormalizeQuestion(chunk.substr(end));
  if (point && std::count(number.value.begin(), number.value.end(), '.') == 1) {
    number.value.erase(number.value.find_last_not_of('0') + 1);
    if (number.value.back() == '.') number.value.pop_back();
  }
  if (!clock && number.suffix == "k") number.value += "000", number.suffix.clear();
  for (const Sign& sign : kSigns) {
    if (number.suffix == sign.sign) number.sign_word = sign.word, number.suffix.clear();
  }
  for (const std::string_view ordinal : {"st", "nd", "rd", "th"}) {
    if (number.suffix == ordinal) number.value.insert(0, "#"), number.suffix.clear();
  }
  return number;
}

class Splitter {
 public:
  std::vector<QuestionWord> Split(std::string_view text) {
    all_capital_ = !Any(text, IsLower);
    for (size_t at = 0; at < text.size();) {
      const size_t begin = text.find_first_not_of(" \t\r\n", at);
      if (begin == text.npos) break;
      at = std::min(text.find_first_of(" \t\r\n", begin), text.size());
      Chunk(text.substr(begin, at - begin));
    }
    return std::move(words_);
  }

 private:
  void Chunk(std::string_view chunk) {
    const size_t first = chunk.find_first_not_of("\"'([{<*`,;:!?");
    if (first == chunk.npos) return;
    const bool ends_sentence = chunk.find_last_of(".!?:") + 1 == chunk.size();
    chunk = chunk.substr(first, chunk.find_last_not_of("\"')]}>*`,;:!?.") - first + 1);
    if (IsAddress(chunk)) {
      AddCode(chunk);
    } else {
      Parts(chunk);
    }
    begins_sentence_ = ends_sentence;
  }

  void Parts(std::string_view chunk) {
    for (size_t at = 0; at < chunk.size();) {
      size_t begin = chunk.find_first_not_of("-/", at);
      if (begin == chunk.npos) return;
      if (begin == 1 && chunk[0] == '-' && IsDigit(chunk[1])) begin = 0, at = 1;  // minus five
      at = std::min(chunk.find_first_of("-/", std::max(begin, at)), chunk.size());
      Part(chunk.substr(begin, at - begin));
      begins_sentence_ = false;
    }
  }

  void Part(std::string_view part) {
    const std::string lower = NormalizeQuestion(part);
    if (IsKnown(lower)) return Add(lower, false);
    if (const auto number = ParseNumber(part)) {
      if (number->suffix.empty() || IsKnown(number->suffix)) {
        words_.push_back({.lower = number->value, .is_number = true});
        if (!number->suffix.empty()) Add(number->suffix, false);
        if (!number->sign_word.empty()) Add(number->sign_word, false);
        return;
      }
    }
    if (Any(part, IsDigit) || HasInnerDot(part)) return AddCode(part);
    Word(part, lower);
  }

  void Word(std::string_view part, std::string lower) {
    const bool negated = lower.ends_with("n't") || std::find(kWithoutApostrophe.begin(), kWithoutApostrophe.end(),
                                                             lower) != kWithoutApostrophe.end();
    if (negated) {
      const size_t cut = lower == "cannot" ? 3 : lower.ends_with("n't") ? 3 : 2;
      std::string verb = lower.substr(0, lower.size() - cut);
      if (verb == "ca") verb = "can";
      if (verb == "wo") verb = "will";
      Add(std::move(verb), false);
      return Add("not", false);
    }
    for (const auto& [end, word] : kContractions) {
      if (!lower.ends_with(end)) continue;
      Add(lower.substr(0, lower.size() - end.size()), IsName(part));
      if (!word.empty()) Add(std::string(word), false);
      return;
    }
    if (lower.ends_with('\'')) lower.pop_back();
    Add(std::move(lower), IsName(part));
  }

  // Capitals at the beginning of a sentence, in a shout or in "I" name nobody.
  bool IsName(std::string_view part) const {
    const auto capitals = std::count_if(part.begin(), part.end(), IsUpper);
    if (all_capital_ || capitals == 0 || part == "I" || part.starts_with("I'")) return false;
    return !begins_sentence_ || capitals > 1;
  }

  void Add(std::string lower, bool capital) {
    if (!lower.empty()) words_.push_back({.lower = std::move(lower), .is_capital = capital});
  }
  void AddCode(std::string_view chunk) { words_.push_back({.lower = NormalizeQuestion(chunk), .is_code = true}); }

  std::vector<QuestionWord> words_;
  bool begins_sentence_ = true;
  bool all_capital_ = false;
};

constexpr std::array<std::string_view, 20> kOnes = {
    "zero", "one",    "two",    "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",
    "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr std::array<std::string_view, 8> kTens = {"twenty", "thirty",  "forty",  "fifty",
                                                   "sixty",  "seventy", "eighty", "ninety"};
constexpr std::array<std::string_view, 12> kOrdinals = {"first",   "second", "third", "fourth", "fifth",    "sixth",
                                                        "seventh", "eighth", "ninth", "tenth",  "eleventh", "twelfth"};

template <size_t N>
std::optional<int64_t> IndexIn(const std::array<std::string_view, N>& list, std::string_view word) {
  const auto found = std::find(list.begin(), list.end(), word);
  if (found == list.end()) return std::nullopt;
  return found - list.begin();
}

// 1 to 90 by one word.
std::optional<int64_t> SmallNumber(std::string_view word) {
  if (const auto ones = IndexIn(kOnes, word)) return ones;
  if (const auto tens = IndexIn(kTens, word)) return 20 + 10 * *tens;
  return std::nullopt;
}

int64_t Scale(std::string_view word) {
  if (word == "hundred") return 100;
  if (word == "thousand") return 1'000;
  if (word == "million") return 1'000'000;
  return word == "billion" ? 1'000'000'000 : 0;
}

bool IsUnit(std::string_view lower) {
  const std::string stem = Stem(lower);
  const auto match = Table().Longest(std::span(&stem, 1), 0);
  return match && match->known.check == PairCheck::kUnits;
}

}  // namespace

std::vector<QuestionWord> SplitQuestion(std::string_view text) {
  // Typographic apostrophes and quotation marks as the plain ones.
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view three = text.substr(i, 3);
    if (three == "\u2018" || three == "\u2019") {
      plain += '\'', i += 2;
    } else if (three == "\u201C" || three == "\u201D") {
      plain += '"', i += 2;
    } else if (three == "\u2013" || three == "\u2014") {
      plain += ' ', i += 2;
    } else {
      plain += text[i];
    }
  }
  return Splitter().Split(plain);
}

std::pair<std::string, size_t> NumberInWords(const std::vector<QuestionWord>& words, size_t at) {
  const auto word = [&](size_t i) { return i < words.size() ? std::string_view(words[i].lower) : std::string_view(); };
  if (word(at) == "half") return {"0.5", 1};
  if (word(at) == "twice") return {"2", 1};
  if (const auto ordinal = IndexIn(kOrdinals, word(at))) return {fmt::format("#{}", *ordinal + 1), 1};
  int64_t total = 0, part = 0;
  size_t n = 0;
  for (; at + n < words.size(); ++n) {
    if (const auto small = SmallNumber(word(at + n))) {
      if (n > 0 && part % 100 != 0 && (part % 10 != 0 || *small >= 10)) break;  // "two five" are two numbers
      part += *small;
    } else if (const int64_t scale = Scale(word(at + n)); scale > 0 && total < 1'000'000'000'000) {
      part = std::max<int64_t>(part, 1) * scale;
      if (scale > 100) total += std::exchange(part, 0);
    } else if (!(n > 0 && word(at + n) == "and" && SmallNumber(word(at + n + 1)) && part % 100 == 0)) {
      break;
    }
  }
  if (n == 0 || (n == 1 && word(at) == "one" && !IsUnit(word(at + 1)))) return {{}, 0};
  return {std::to_string(total + part), n};
}

std::vector<std::string> QuotedTexts(std::string_view text) {
  struct Marks {
    std::string_view open, close;
  };
  constexpr std::array<Marks, 3> kMarks = {{{"\"", "\""}, {"\u201C", "\u201D"}, {"`", "`"}}};
  std::vector<std::string> quoted;
  for (const auto& [open, close] : kMarks) {
    for (size_t at = text.find(open); at != text.npos; at = text.find(open, at)) {
      const size_t begin = at + open.size(), end = text.find(close, begin);
      if (end == text.npos) break;
      if (end > begin) quoted.push_back(NormalizeQuestion(text.substr(begin, end - begin)));
      at = end + close.size();
    }
  }
  return quoted;
}

}  // namespace bantam
