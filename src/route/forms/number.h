// Numbers in what people type: "1,200.50", "89,90", "£20", "twenty-five", "two hundred", "a dozen".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bantam {

struct NumberMatch {
  double value = 0;
  std::string digits;         // "1200.50": as typed, without separators
  size_t begin = 0, end = 0;  // bytes, with its sign but without unit
};

// Digits that are part of a word or a longer code ("AW204417", "LT-2041", "7:52", "3.12.2026") are no numbers. Two
// kinds of separators: the last one is the decimal mark; one comma before exactly three digits separates thousands,
// else it is the decimal mark; one point is always the decimal mark.
std::vector<NumberMatch> FindNumbers(std::string_view text);

// Whether `unit` ("pounds", "GB") stands right before or after the match: as the word, singular or plural, or as its
// sign (£ for pounds, € for euros, $ for dollars, % for percent).
bool HasUnit(std::string_view text, const NumberMatch& number, std::string_view unit);

}  // namespace bantam
