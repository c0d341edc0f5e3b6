// Times as people and clients read them.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace bantam {

// Seconds since 1970 -> "2026-11-26T05:20:00Z", as RFC 3339.
inline std::string UtcTimeText(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  if (::gmtime_r(&time, &parts) == nullptr) return {};
  char text[64];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, length};
}

}  // namespace bantam
