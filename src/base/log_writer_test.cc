#include "base/log_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/file_io.h"
#include "base/json.h"
#include "base/testing.h"

namespace bantam {
namespace {

constexpr int64_t kTime = 1'795'670'400'123'456;

TEST(LogFormat, OneLineOfNamesAndValues) {
  const LogField fields[] = {{"path", "/v1/models"}, {"status", 200}, {"ms", 1.25}, {"key", "my site"}, {"none", ""}};
  const LogRecord record{LogLevel::kInfo, "request", fields};
  EXPECT_EQ(FormatLogRecord(LogFormat::kJson, record, kTime),
            "{\"time\":\"2026-11-26T05:20:00.123Z\",\"level\":\"info\",\"message\":\"request\","
            "\"path\":\"/v1/models\",\"status\":200,\"ms\":1.250,\"key\":\"my site\",\"none\":\"\"}\n");
  EXPECT_EQ(
      FormatLogRecord(LogFormat::kText, record, kTime),
      "2026-11-26T05:20:00.123Z info message=request path=/v1/models status=200 ms=1.250 key=\"my site\" none=\"\"\n");
}

// HOSTILE H-50.
TEST(LogFormat, NoValueBreaksTheLine) {
  static constexpr char kHostile[] = "a\"b\\c\nd\r\x1b[31m\0\u2028\u202e\xff\x80 e=f";
  const std::string_view hostile(kHostile, sizeof kHostile - 1);
  for (const LogFormat format : {LogFormat::kJson, LogFormat::kText}) {
    const LogField fields[] = {{"path", hostile}};
    const std::string line = FormatLogRecord(format, {LogLevel::kError, hostile, fields}, kTime);
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    for (const char c : {'\r', '\x1b', '\0', '\xff', '\x80'}) EXPECT_EQ(line.find(c), std::string::npos) << line;
    EXPECT_EQ(line.find("\u2028"), std::string::npos);
    if (format == LogFormat::kJson) {
      const auto parsed = ParseJson(line, "line");
      ASSERT_OK(parsed);
      EXPECT_EQ(parsed->as_object().size(), 4u);
    }
  }
  const std::string endless(100'000, 'x');
  EXPECT_LT(FormatLogRecord(LogFormat::kJson, {LogLevel::kInfo, endless}, kTime).size(), 5'000u);
}

TEST(LogWriter, WritesWhatIsLoggedWhileItLives) {
  testing::TempFolder folder;
  const Path path = folder / "log";
  const UniqueFd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600));
  {
    LogWriter writer(file.get(), LogFormat::kText, LogLevel::kInfo);
    Log(LogLevel::kDebug, "not of interest");
    Log(LogLevel::kWarning, "the {} stays", "key");
    LogEvent(LogLevel::kInfo, "request", {{"status", 200}});
  }
  EXPECT_FALSE(LogEnabled());
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(path));
  EXPECT_EQ(text.find("not of interest"), std::string::npos);
  EXPECT_NE(text.find("warning message=\"the key stays\"\n"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("info message=request status=200\n")) << text;
}

// A reader that reads nothing stops nobody, and the end of the program neither.
TEST(LogWriter, ASlowReaderLosesLinesAndIsToldSo) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read(ends[0]), write(ends[1]);
  constexpr int kLines = 10'000;
  bool told = false;
  {
    LogWriter writer(write.get(), LogFormat::kText, LogLevel::kInfo);
    const std::string line(1000, 'x');
    for (int i = 0; i < kLines; ++i) LogLine(LogLevel::kInfo, line);  // ten megabytes, into a pipe of 64 KiB
    std::string buffer(65536, '\0'), heard;
    while (!told) {
      const ssize_t got = ::read(read.get(), buffer.data(), buffer.size());
      ASSERT_GT(got, 0);
      heard.append(buffer, 0, static_cast<size_t>(got));
      told = heard.find("lines of the log are lost: its reader is too slow") != std::string::npos;
      heard.erase(0, heard.size() - std::min<size_t>(heard.size(), 100));
      Log(LogLevel::kInfo, "one more");
    }
    for (int i = 0; i < 1000; ++i) LogLine(LogLevel::kInfo, line);
  }  // with the pipe full: after a second at most
}

TEST(LogWriter, AReaderThatLeftHarmsNobody) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd write(ends[1]);
  ::close(ends[0]);
  LogWriter writer(write.get(), LogFormat::kJson, LogLevel::kInfo);
  for (int i = 0; i < 1000; ++i) Log(LogLevel::kInfo, "to nobody");
}

}  // namespace
}  // namespace bantam
