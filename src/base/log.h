// Logging through a sink. The library never prints by itself: until a host (the CLI, the server, an application) sets a
// sink, log lines go nowhere.
//
//   SetLogSink([](LogLevel level, std::string_view line) { ... });
//   Log(LogLevel::kWarning, "cache {}: {}", path, reason);
//   LogEvent(LogLevel::kInfo, "request", {{"path", path}, {"status", 200}});   // for logs that machines read
#pragma once

#include <fmt/core.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>
#include <variant>

namespace bantam {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
std::string_view LogLevelName(LogLevel level);  // "warning"

// A value beside a line.
struct LogField {
  std::string_view name;
  std::variant<std::string_view, int64_t, double> value;

  LogField(std::string_view field, std::string_view text) : name(field), value(text) {}
  LogField(std::string_view field, const char* text) : name(field), value(std::string_view(text)) {}
  LogField(std::string_view field, std::integral auto number) : name(field), value(static_cast<int64_t>(number)) {}
  LogField(std::string_view field, double number) : name(field), value(number) {}
};

struct LogRecord {
  LogLevel level;
  std::string_view line;
  std::span<const LogField> fields = {};
};

// Called from any thread, one call at a time. Replaces the previous sink; an empty function turns logging off.
void SetLogSink(std::function<void(LogLevel, std::string_view line)> sink);
// The same for a sink that wants the fields, too.
void SetLogRecordSink(std::function<void(const LogRecord& record)> sink);
// A sink for programs: "HH:MM:SS warning: line" on stderr, control characters escaped.
void SetStderrLogSink(LogLevel minimum);

// While one of these lives, the lines that its thread logs go to `sink` alone; a null one leaves things as they are.
// For a host whose parts each want their own lines (the C API): no setting of the process is touched.
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
void LogEvent(LogLevel level, std::string_view line, std::span<const LogField> fields);
inline void LogEvent(LogLevel level, std::string_view line, std::initializer_list<LogField> fields) {
  LogEvent(level, line, std::span(fields.begin(), fields.size()));
}

template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled()) LogLine(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace bantam
