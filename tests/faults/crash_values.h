// What the crash driver writes and the crash test expects: a pure function of the number.
#pragma once

#include <string>

#include "base/sha256.h"
#include "route/result_cache.h"

namespace bantam::testing {

inline Sha256Digest CrashKey(int64_t n) { return CacheKey().Add("crash").Add(std::to_string(n)).Finish(); }

// From some bytes to some pages, so that transactions and checkpoints of many sizes are cut.
inline std::string CrashValue(int64_t n) {
  std::string value = std::to_string(n) + " ";
  value.resize(static_cast<size_t>(20 + n * 7919 % (n % 3 == 0 ? 60'000 : 900)), static_cast<char>('a' + n % 26));
  return value;
}

constexpr int kCrashSessions = 17;
inline std::string CrashSession(int64_t n) { return "session " + std::to_string(n % kCrashSessions); }

}  // namespace bantam::testing
