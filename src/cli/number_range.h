// "7" or "7-12", as lists of numbers are written on the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bantam::cli {

struct NumberRange {
  int64_t first = 0, last = 0;  // both are in it
};

// Nothing: it is neither, does not begin at 1 or above, or has more than `most` numbers.
std::optional<NumberRange> ParseNumberRange(std::string_view word, int64_t most);

}  // namespace bantam::cli
