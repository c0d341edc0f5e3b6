#include "base/log_writer.h"

#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.h"
#include "base/json.h"
#include "base/text_util.h"
#include "base/utc_time.h"

namespace bantam {
namespace {

constexpr size_t kMostWaiting = size_t{4} << 20;
constexpr size_t kMostOfAValue = 4000;
constexpr std::chrono::milliseconds kLastWords{1'000};
// So long lines gather after some were written: to be woken for each would cost who logs more than the line does.
constexpr std::chrono::milliseconds kGather{5};

// "2026-11-26T05:20:00.123Z"
std::string TimeText(int64_t wall_micros) {
  std::string text = UtcTimeText(wall_micros / 1'000'000);
  text.insert(text.size() - 1, fmt::format(".{:03}", wall_micros / 1000 % 1000));
  return text;
}

bool NeedsQuotes(std::string_view text) { return text.empty() || text.find_first_of(" =\"") != std::string_view::npos; }

void AppendField(LogFormat format, const LogField& field, std::string& out) {
  const bool json = format == LogFormat::kJson;
  out += json ? ",\"" : " ";
  out += field.name;
  out += json ? "\":" : "=";
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    // What a terminal would obey is spelt out, in JSON too: people look at logs.
    const std::string safe = EscapeForTerminal(*text, kMostOfAValue);
    out += json || NeedsQuotes(safe) ? QuoteJson(safe) : safe;
  } else if (const auto* number = std::get_if<int64_t>(&field.value)) {
    out += std::to_string(*number);
  } else {
    out += fmt::format("{:.3f}", std::get<double>(field.value));
  }
}

}  // namespace

std::string FormatLogRecord(LogFormat format, const LogRecord& record, int64_t wall_micros) {
  const std::string time = TimeText(wall_micros);
  std::string line;
  if (format == LogFormat::kJson) {
    line = fmt::format(R"({{"time":"{}","level":"{}")", time, LogLevelName(record.level));
  } else {
    line = fmt::format("{} {}", time, LogLevelName(record.level));
  }
  AppendField(format, {"message", record.line}, line);
  for (const LogField& field : record.fields) AppendField(format, field, line);
  line += format == LogFormat::kJson ? "}\n" : "\n";
  return line;
}

LogWriter::LogWriter(int fd, LogFormat format, LogLevel minimum) : fd_(fd), format_(format) {
  thread_ = std::thread([this] { Main(); });
  SetLogRecordSink([this, minimum](const LogRecord& record) {
    if (record.level >= minimum) Take(record);
  });
}

LogWriter::~LogWriter() {
  SetLogRecordSink({});
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void LogWriter::Take(const LogRecord& record) {
  const std::string line = FormatLogRecord(format_, record, WallMicros());
  std::lock_guard lock(mutex_);
  if (waiting_.size() + line.size() > kMostWaiting) {
    ++num_lost_;
    return;
  }
  waiting_ += line;
  if (std::exchange(idle_, false)) changed_.notify_one();
}

void LogWriter::Main() {
  std::string lines;
  MonotonicTime give_up = MonotonicTime::max();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      idle_ = waiting_.empty();
      changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      idle_ = false;
      if (waiting_.empty()) return;
      lines.clear();
      lines.swap(waiting_);
      if (num_lost_ > 0) {
        const std::string said = fmt::format("{} lines of the log are lost: its reader is too slow", num_lost_);
        lines += FormatLogRecord(format_, {LogLevel::kWarning, said}, WallMicros());
        num_lost_ = 0;
      }
    }
    for (std::string_view rest = lines; !rest.empty();) {
      if (!WritePiece(rest)) break;
      std::lock_guard lock(mutex_);
      if (stopping_ && give_up == MonotonicTime::max()) give_up = MonotonicNow() + kLastWords;
      if (MonotonicNow() > give_up) return;
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kGather, [&] { return stopping_; });
  }
}

// As much as never blocks: where poll says that a pipe takes something, it takes PIPE_BUF bytes. False: nobody will
// ever read what is left.
bool LogWriter::WritePiece(std::string_view& rest) {
  pollfd ready{fd_, POLLOUT, 0};
  const int polled = ::poll(&ready, 1, 100);
  if (polled == 0 || (polled < 0 && errno == EINTR)) return true;
  size_t size = std::min<size_t>(rest.size(), PIPE_BUF);
  // Whole lines, between which others may write to the same place.
  if (const size_t end = rest.substr(0, size).rfind('\n'); end != std::string_view::npos) size = end + 1;
  const ssize_t written = ::write(fd_, rest.data(), size);
  if (written < 0) return errno == EINTR || errno == EAGAIN;
  rest.remove_prefix(static_cast<size_t>(written));
  return true;
}

}  // namespace bantam
