#include "route/forms/number.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "route/forms/words.h"

namespace bantam {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "1,200.50" -> "1200.50"; nothing when it is no number (1.2.3, 1,2,3).
std::optional<std::string> Normalize(std::string_view run) {
  size_t commas = 0, points = 0;
  for (const char c : run) commas += c == ',', points += c == '.';
  char decimal = 0;
  if (commas > 0 && points > 0) {
    decimal = run.find_last_of(",.") == run.rfind(',') ? ',' : '.';
  } else if (points == 1) {
    decimal = '.';
  } else if (commas == 1 && run.size() - run.find(',') - 1 != 3) {
    decimal = ',';
  }
  const char group = decimal == '.' ? ',' : decimal == ',' ? '.' : commas > 0 ? ',' : '.';
  const size_t decimal_at = decimal == 0 ? run.size() : run.rfind(decimal);
  if (decimal != 0 && run.find(decimal) != decimal_at) return std::nullopt;
  std::string digits;
  size_t since_group = 0;
  bool grouped = false;
  for (size_t i = 0; i < decimal_at; ++i) {
    if (run[i] == group) {
      if (grouped ? since_group != 3 : since_group == 0 || since_group > 3) return std::nullopt;
      grouped = true;
      since_group = 0;
    } else {
      digits += run[i];
      ++since_group;
    }
  }
  if (grouped && since_group != 3) return std::nullopt;
  if (digits.empty()) return std::nullopt;
  if (decimal_at < run.size()) {
    const std::string_view fraction = run.substr(decimal_at + 1);
    if (fraction.empty() || fraction.find_first_of(",.") != std::string_view::npos) return std::nullopt;
    digits += '.';
    digits += fraction;
  }
  const size_t zeros = digits.find_first_not_of('0');
  const size_t keep = zeros == std::string::npos ? digits.size() - 1 : digits[zeros] == '.' ? zeros - 1 : zeros;
  return digits.substr(keep);
}

void FindDigits(std::string_view text, std::vector<NumberMatch>& out) {
  for (size_t at = 0; at < text.size();) {
    if (!IsDigit(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && (IsDigit(text[end]) || ((text[end] == ',' || text[end] == '.') &&
                                                        end + 1 < text.size() && IsDigit(text[end + 1])))) {
      ++end;
    }
    const size_t begin = at;
    at = end;
    const char before = begin > 0 ? text[begin - 1] : ' ';
    const char after = end < text.size() ? text[end] : ' ';
    const char next = end + 1 < text.size() ? text[end + 1] : ' ';
    const bool negative = before == '-' && (begin == 1 || text[begin - 2] == ' ');
    if (IsAsciiLetter(before) || before == '_' || before == '#' || before == '/' || before == ':' ||
        (before == '-' && !negative)) {
      continue;
    }
    if ((after == '-' || after == '/' || after == ':') && IsDigit(next)) continue;
    if (IsAsciiLetter(after) && end + 1 < text.size() && IsDigit(next)) continue;  // 1a2
    const auto digits = Normalize(text.substr(begin, end - begin));
    if (!digits || digits->size() > 30) continue;
    NumberMatch match;
    match.digits = (negative ? "-" : "") + *digits;
    match.begin = begin - (negative ? 1 : 0);
    match.end = end;
    const auto [stop, problem] =
        std::from_chars(match.digits.data(), match.digits.data() + match.digits.size(), match.value);
    if (problem == std::errc()) out.push_back(std::move(match));
  }
}

constexpr std::array<std::string_view, 20> kUnits = {
    "zero", "one",    "two",    "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",
    "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr std::array<std::string_view, 10> kTens = {"",      "",      "twenty",  "thirty", "forty",
                                                    "fifty", "sixty", "seventy", "eighty", "ninety"};

std::optional<int> ValueOf(std::string_view word) {
  for (size_t i = 0; i < kUnits.size(); ++i) {
    if (kUnits[i] == word) return static_cast<int>(i);
  }
  for (size_t i = 2; i < kTens.size(); ++i) {
    if (kTens[i] == word) return static_cast<int>(i * 10);
  }
  return std::nullopt;
}

// "two hundred and five thousand" up to 999,999.
void FindWords(std::string_view text, std::vector<NumberMatch>& out) {
  const std::vector<Word> words = SplitWords(text);
  for (size_t i = 0; i < words.size();) {
    const size_t start = i;
    int64_t total = 0, part = 0;
    int last = -1;  // the last simple value, to tell "twenty five" (25) from "five twenty"
    bool any = false;
    size_t end = i;
    while (i < words.size()) {
      const std::string& word = words[i].text;
      const bool article =
          (word == "a" || word == "an") && !any && i + 1 < words.size() &&
          (words[i + 1].text == "hundred" || words[i + 1].text == "thousand" || words[i + 1].text == "dozen");
      if (const auto value = ValueOf(word)) {
        const bool fits = part % 100 == 0 || (last >= 20 && last % 10 == 0 && *value > 0 && *value < 10);
        if (any && !fits) break;
        if (any && part > 0 && part % 100 == 0 && *value == 0) break;
        part += *value;
        last = *value;
      } else if (article) {
        part = 1;
      } else if (word == "hundred" && part > 0 && part < 10) {
        part *= 100;
        last = -1;
      } else if (word == "thousand" && part > 0 && total == 0) {
        total = part * 1000;
        part = 0;
        last = -1;
      } else if (word == "dozen" && part > 0) {
        part *= 12;
        end = ++i;
        any = true;
        break;
      } else if (word == "and" && any && i + 1 < words.size() && ValueOf(words[i + 1].text) && (part % 100 == 0)) {
        ++i;
        continue;
      } else {
        break;
      }
      any = true;
      end = ++i;
    }
    if (any && total + part >= 0 && end > start) {
      NumberMatch match;
      match.value = static_cast<double>(total + part);
      match.digits = std::to_string(total + part);
      match.begin = words[start].begin;
      match.end = words[end - 1].end;
      if (start > 0 && words[start - 1].text == "minus") {
        match.value = -match.value;
        match.digits = "-" + match.digits;
        match.begin = words[start - 1].begin;
      }
      out.push_back(std::move(match));
      i = end;
    } else {
      i = start + 1;
    }
  }
}

std::string Singular(std::string word) {
  if (word.size() > 3 && word.ends_with("s") && !word.ends_with("ss")) word.pop_back();
  return word;
}

struct Sign {
  std::string_view unit, sign, code;
};
constexpr std::array kSigns = {Sign{"pound", "£", "gbp"}, Sign{"euro", "€", "eur"}, Sign{"dollar", "$", "usd"},
                               Sign{"percent", "%", "pct"}};

}  // namespace

std::vector<NumberMatch> FindNumbers(std::string_view text) {
  std::vector<NumberMatch> numbers;
  FindDigits(text, numbers);
  FindWords(text, numbers);
  return numbers;
}

bool HasUnit(std::string_view text, const NumberMatch& number, std::string_view unit) {
  const std::vector<Word> unit_words = SplitWords(unit);
  if (unit_words.empty()) return false;
  const std::string wanted = Singular(JoinWords(unit_words));
  const std::string_view before = text.substr(0, number.begin);
  std::string_view after = text.substr(number.end);
  while (after.starts_with(' ')) after.remove_prefix(1);
  for (const Sign& sign : kSigns) {
    if (wanted != sign.unit) continue;
    std::string_view left = before;
    while (left.ends_with(' ')) left.remove_suffix(1);
    if (left.ends_with(sign.sign) || after.starts_with(sign.sign)) return true;
    const std::vector<Word> next = SplitWords(after.substr(0, 16));
    if (!next.empty() && next[0].begin == 0 && next[0].text == sign.code) return true;
  }
  const std::vector<Word> words = SplitWords(after.substr(0, unit.size() + 16));
  if (words.size() < unit_words.size() || words.empty() || words[0].begin != 0) return false;
  return Singular(JoinWords(std::span(words).first(unit_words.size()))) == wanted;
}

}  // namespace bantam
