#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <ctime>
#include <mutex>

#include "base/text_util.h"

namespace bantam {
namespace {
std::mutex sink_mutex;
std::function<void(const LogRecord&)> log_sink;
std::atomic<bool> has_sink = false;
thread_local const ThreadLogSink::Sink* thread_sink = nullptr;
}  // namespace

std::string_view LogLevelName(LogLevel level) {
  static constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};
  return kNames[static_cast<int>(level)];
}

void SetLogSink(std::function<void(LogLevel, std::string_view)> sink) {
  if (!sink) return SetLogRecordSink({});
  SetLogRecordSink([sink = std::move(sink)](const LogRecord& record) { sink(record.level, record.line); });
}

void SetLogRecordSink(std::function<void(const LogRecord&)> sink) {
  std::lock_guard lock(sink_mutex);
  log_sink = std::move(sink);
  has_sink = static_cast<bool>(log_sink);
}

void SetStderrLogSink(LogLevel minimum) {
  SetLogSink([minimum](LogLevel level, std::string_view line) {
    if (level < minimum) return;
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    char clock[16];
    std::strftime(clock, sizeof clock, "%H:%M:%S", &local);
    const std::string text = fmt::format("{} {}: {}\n", clock, LogLevelName(level), EscapeForTerminal(line, 4000));
    std::fwrite(text.data(), 1, text.size(), stderr);
  });
}

ThreadLogSink::ThreadLogSink(const Sink* sink) : before_(thread_sink) {
  if (sink != nullptr) thread_sink = sink;
}

ThreadLogSink::~ThreadLogSink() { thread_sink = before_; }

bool LogEnabled() { return thread_sink != nullptr || has_sink.load(std::memory_order_relaxed); }

void LogLine(LogLevel level, std::string_view line) { LogEvent(level, line, {}); }

void LogEvent(LogLevel level, std::string_view line, std::span<const LogField> fields) {
  if (thread_sink != nullptr) return (*thread_sink)(level, line);
  std::lock_guard lock(sink_mutex);
  if (log_sink) log_sink({level, line, fields});
}

}  // namespace bantam
