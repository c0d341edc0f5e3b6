#include "net/retry_after.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string>

namespace bantam {

std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view value, int64_t wall_micros) {
  using std::chrono::milliseconds;
  double seconds = 0;
  const auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), seconds, std::chars_format::fixed);
  if (error == std::errc() && end == value.data() + value.size()) {
    if (!(seconds >= 0 && seconds <= 1e6)) return std::nullopt;
    return milliseconds(static_cast<int64_t>(seconds * 1000));
  }
  std::tm utc{};
  const std::string text(value);
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);  // the C locale: nobody sets another
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  const int64_t when = ::timegm(&utc);
  return milliseconds(std::max<int64_t>(0, when * 1000 - wall_micros / 1000));
}

}  // namespace bantam
