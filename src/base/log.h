// Logging through a sink. The library never prints by itself: until a host (the CLI, the server, an application) sets a
// sink, log lines go nowhere.
//
//   SetLogSink([](LogLevel level, std::string_view line) { ... });
//   Log(LogLevel::kWarning, "cache {}: {}", path, reason);
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string_view>

namespace bantam {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Called from any thread, one call at a time. Replaces the previous sink; an empty function turns logging off.
void SetLogSink(std::function<void(LogLevel, std::string_view line)> sink);
// A sink for programs: "HH:MM:SS warning: line" on stderr, control characters escaped.
void SetStderrLogSink(LogLevel minimum);

// While one of these lives, what its thread logs goes to `sink` alone; a null one leaves things as they are. For a host
// whose parts each want their own lines (the C API): no setting of the process is touched.
class ThreadLogSink {
 public:
  using Sink = std::function<void(LogLevel, std::string_view line)>;
  explicit ThreadLogSink(const Sink* sink);
  ~ThreadLogSink();
  ThreadLogSink(const ThreadLogSink&) = delete;
  ThreadLogSink& operator=(const ThreadLogSink&) = delete;

 private:
  const Sink* before_;
};

bool LogEnabled();
void LogLine(LogLevel level, std::string_view line);

template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled()) LogLine(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace bantam
