#include "cli/number_range.h"

#include <charconv>

namespace bantam::cli {

std::optional<NumberRange> ParseNumberRange(std::string_view word, int64_t most) {
  NumberRange range;
  const char* const end = word.data() + word.size();
  auto read = std::from_chars(word.data(), end, range.first);
  range.last = range.first;
  if (read.ec == std::errc() && read.ptr != end && *read.ptr == '-')
    read = std::from_chars(read.ptr + 1, end, range.last);
  if (read.ec != std::errc() || read.ptr != end || range.first < 1 || range.last < range.first) return std::nullopt;
  return range.last - range.first < most ? std::optional(range) : std::nullopt;
}

}  // namespace bantam::cli
