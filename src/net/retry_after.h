// The header Retry-After.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bantam {

// Seconds, or an HTTP date, counted from `wall_micros`. Nothing when the text is neither.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view value, int64_t wall_micros);

}  // namespace bantam
