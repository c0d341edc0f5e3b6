// The values of a choice and their synonyms, found in what people type; a slip of one letter in longer words is
// forgiven.
#pragma once

#include <string_view>
#include <vector>

#include "route/route_file.h"

namespace bantam {

struct ChoiceMatch {
  size_t choice = 0;          // index into slot.choices
  size_t begin = 0, end = 0;  // bytes
};

// Matches that do not overlap; of those that do, the longest stands, and an exact one before a nearly right one.
// `in_passing`: exact matches only, and no words of one or two letters ("am", "pc" are too easily something else).
std::vector<ChoiceMatch> FindChoices(const Slot& slot, std::string_view text, bool in_passing);

}  // namespace bantam
