// A question as words, for question_facts.cc: contractions taken apart, numbers and codes recognised.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bantam {

struct QuestionWord {
  std::string lower;  // "don't" is "do", "not"; of a number its value: "1200.5", "#3" for 3rd, "10:30"
  bool is_number = false;
  bool is_code = false;     // an address, a file, a version, letters with digits: counts as it is spelled
  bool is_capital = false;  // a name, by its spelling: not of a sentence's first word
};

std::vector<QuestionWord> SplitQuestion(std::string_view text);

// "twenty five", "three hundred", "second" (not a unit of time): its value and how many words it takes, 0 for none.
// "one" counts only before another number word or a unit, as people say "the other one".
std::pair<std::string, size_t> NumberInWords(const std::vector<QuestionWord>& words, size_t at);

// What stands in quotation marks, lower case.
std::vector<std::string> QuotedTexts(std::string_view text);

}  // namespace bantam
