// Abort on our own bugs. No input may reach one of these; input errors are Result values.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

namespace bantam {
[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition, const std::string& message) {
  std::fprintf(stderr, "%s:%d: check failed: %s %s\n", file, line, condition, message.c_str());
  std::abort();
}
}  // namespace bantam

#define BANTAM_CHECK(condition, ...)                                                        \
  do {                                                                                      \
    if (!(condition)) [[unlikely]]                                                          \
      ::bantam::CheckFailed(__FILE__, __LINE__, #condition, ::fmt::format("" __VA_ARGS__)); \
  } while (false)

// Hot paths: on in dev builds, gone in release.
#ifdef NDEBUG
#define BANTAM_DCHECK(condition, ...) static_cast<void>(0)
#else
#define BANTAM_DCHECK(condition, ...) BANTAM_CHECK(condition, __VA_ARGS__)
#endif
