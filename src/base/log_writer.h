// A log for machines: one line for each record, as JSON or as name=value, written to a file descriptor by a thread of
// its own. Whoever logs never waits for whoever reads: what a reader is too slow for is dropped, counted, and said.
//
//   LogWriter log(STDERR_FILENO, LogFormat::kJson, LogLevel::kInfo);   // takes the place of the log's sink while it
//   lives
//
//   {"time":"2026-11-26T05:20:00.123Z","level":"info","message":"request","path":"/v1/models","status":200}
//   2026-11-26T05:20:00.123Z info message=request path=/v1/models status=200
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "base/log.h"

namespace bantam {

enum class LogFormat { kText, kJson };

// With the line's end. No value can break the line, or a terminal that shows it. wall_micros: since 1970.
std::string FormatLogRecord(LogFormat format, const LogRecord& record, int64_t wall_micros);

class LogWriter {
 public:
  LogWriter(int fd, LogFormat format, LogLevel minimum);
  ~LogWriter();  // writes what waits, for at most a second; the log has no sink then
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

 private:
  void Take(const LogRecord& record);
  void Main();
  bool WritePiece(std::string_view& rest);

  const int fd_;
  const LogFormat format_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;
  uint64_t num_lost_ = 0;  // since it was last said
  bool idle_ = false;      // the thread waits for a line
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace bantam
