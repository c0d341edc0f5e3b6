#include "base/log.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace bantam {
namespace {

struct Lines {
  std::vector<std::string> lines;
  ThreadLogSink::Sink sink = [this](LogLevel, std::string_view line) { lines.emplace_back(line); };
};

TEST(Log, AThreadsSinkComesBeforeTheProcesss) {
  Lines process, outer, inner;
  SetLogSink(process.sink);
  Log(LogLevel::kInfo, "{}", 1);
  {
    const ThreadLogSink scope(&outer.sink);
    Log(LogLevel::kInfo, "{}", 2);
    {
      const ThreadLogSink nested(&inner.sink);
      Log(LogLevel::kInfo, "{}", 3);
      const ThreadLogSink none(nullptr);  // leaves things as they are
      Log(LogLevel::kInfo, "{}", 4);
    }
    Log(LogLevel::kInfo, "{}", 5);
    std::thread([] { Log(LogLevel::kInfo, "{}", 6); }).join();  // another thread's goes to the process
  }
  Log(LogLevel::kInfo, "{}", 7);
  SetLogSink({});
  EXPECT_EQ(process.lines, (std::vector<std::string>{"1", "6", "7"}));
  EXPECT_EQ(outer.lines, (std::vector<std::string>{"2", "5"}));
  EXPECT_EQ(inner.lines, (std::vector<std::string>{"3", "4"}));
}

TEST(Log, WithoutASinkNothingIsEvenFormatted) {
  EXPECT_FALSE(LogEnabled());
  Lines mine;
  const ThreadLogSink scope(&mine.sink);
  EXPECT_TRUE(LogEnabled());
}

}  // namespace
}  // namespace bantam
