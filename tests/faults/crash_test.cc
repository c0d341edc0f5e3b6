// kill -9 at random instants: nothing is lost but the write under way, and nothing that is left lies.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <random>
#include <set>
#include <thread>

#include "base/testing.h"
#include "faults/crash_values.h"
#include "route/audit_log.h"
#include "route/conversation_store.h"
#include "route/result_cache.h"
#include "route/sqlite_file.h"
#include "route/testing/broken_files.h"

namespace bantam {
namespace {

int Kills() {
  const char* text = std::getenv("BANTAM_KILLS");
  return text != nullptr ? std::atoi(text) : 100;
}

struct Round {
  int64_t first = 0;
  int64_t acknowledged = -1;  // the last number; first - 1 when there was none
  int64_t skipped = 0;
};

// Starts the driver at `first`, kills it, and reads what it had acknowledged.
class Driver {
 public:
  Driver(std::string what, Path file, unsigned seed = 20'260'411)
      : what_(std::move(what)), file_(std::move(file)), random_(seed) {}

  Round RunAndKill(int64_t first) {
    int pipe_fds[2];
    EXPECT_EQ(::pipe2(pipe_fds, O_CLOEXEC), 0);
    UniqueFd reader(pipe_fds[0]);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(pipe_fds[1], STDOUT_FILENO);
      ::execl(BANTAM_CRASH_DRIVER, BANTAM_CRASH_DRIVER, what_.c_str(), file_.c_str(), std::to_string(first).c_str(),
              nullptr);
      ::_exit(127);
    }
    ::close(pipe_fds[1]);
    Round round{first, first - 1};
    // Mostly in the middle of its work; every fourth time while it starts, recovers and opens.
    const bool early = random_() % 4 == 0;
    std::thread killer([&, delay = std::chrono::microseconds(random_() % (early ? 30'000 : 60'000))] {
      if (!early) WaitForFirst(reader.get());
      std::this_thread::sleep_for(delay);
      ::kill(child, SIGKILL);
    });
    killer.join();
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the driver ended by itself, status " << status;
    std::array<int64_t, 2> acknowledgement{};
    while (::read(reader.get(), acknowledgement.data(), sizeof acknowledgement) == sizeof acknowledgement) {
      EXPECT_EQ(acknowledgement[0], round.acknowledged + 1);
      round.acknowledged = acknowledgement[0];
      round.skipped = acknowledgement[1];
    }
    return round;
  }

 private:
  // Data, or the end of a driver that failed.
  static void WaitForFirst(int fd) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    ::select(fd + 1, &set, nullptr, nullptr, nullptr);
  }

  const std::string what_;
  const Path file_;
  std::mt19937 random_;
};

TEST(Crash, Cache) {
  testing::TempFolder folder;
  const Path file = folder / "cache.db";
  Driver driver("cache", file);
  std::mt19937 random(1);
  int64_t next = 0, written = 0, lost = 0, skipped = 0;
  std::set<int64_t> missing;
  for (int kill = 0; kill < Kills(); ++kill) {
    const Round round = driver.RunAndKill(next);
    {
      ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));  // as a restart does
      ASSERT_TRUE(cache->Stats().on_disk);
      ASSERT_EQ(testing::CountMovedAside(file), 0);
      int64_t lost_now = 0;
      for (int64_t n = round.first; n <= round.acknowledged + 1; ++n) {
        const auto value = cache->Find(testing::CrashKey(n));
        if (value) {
          ASSERT_TRUE(*value == testing::CrashValue(n)) << n;
        } else {
          missing.insert(n);
          lost_now += n <= round.acknowledged;
        }
      }
      // Of what was acknowledged only the last may be gone, and what the cache itself said it had skipped.
      ASSERT_LE(lost_now, 1 + round.skipped);
      if (round.skipped == 0 && lost_now == 1) {
        ASSERT_TRUE(missing.contains(round.acknowledged));
      }
      lost += lost_now;
      skipped += round.skipped;
      for (int i = 0; i < 20 && next > 0; ++i) {  // what earlier rounds left
        const auto n = static_cast<int64_t>(random() % static_cast<uint64_t>(next));
        const auto value = cache->Find(testing::CrashKey(n));
        ASSERT_EQ(value.has_value(), !missing.contains(n)) << n;
        ASSERT_TRUE(!value || *value == testing::CrashValue(n)) << n;
      }
      ASSERT_EQ(cache->Stats().bad_rows, 0u);
    }
    ASSERT_OK_AND_ASSIGN(SqliteConnection reader, SqliteConnection::OpenReader(file));
    ASSERT_OK_AND_ASSIGN(SqliteStatement check, reader.Prepare("PRAGMA quick_check"));
    ASSERT_TRUE(check.Step().value_or(false));
    ASSERT_EQ(check.Blob(0), "ok");
    written += round.acknowledged + 1 - round.first;
    next = round.acknowledged + 2;
  }
  std::printf("cache: %d kills, %lld stores acknowledged, %lld lost (each the last one), %lld skipped\n", Kills(),
              static_cast<long long>(written), static_cast<long long>(lost), static_cast<long long>(skipped));
  EXPECT_GT(written, Kills());
}

TEST(Crash, AuditLog) {
  testing::TempFolder folder;
  constexpr int kKillsPerFile = 5;  // each is read as a whole after every kill
  int64_t records = 0, torn = 0;
  std::mt19937 random(2);
  for (int kill = 0; kill < Kills();) {
    const Path file = folder / "audit.jsonl";
    Driver driver("audit", file, random());
    std::string before;
    int64_t next = 0;
    for (int i = 0; i < kKillsPerFile && kill < Kills(); ++i, ++kill) {
      const Round round = driver.RunAndKill(next);
      if (!std::filesystem::exists(file)) continue;  // killed before it was made
      ASSERT_OK_AND_ASSIGN(const AuditCheck check, VerifyAuditLog(file));
      ASSERT_FALSE(check.first_bad_line.has_value()) << *check.first_bad_line << ": " << check.problem;
      torn += check.unfinished_bytes > 0;
      // Append returns when the record is with the kernel: nothing that was acknowledged is lost, not even the last.
      ASSERT_GE(check.records, round.acknowledged + 1);
      ASSERT_LE(check.records, round.acknowledged + 2);
      const std::string now = testing::Slurp(file);
      ASSERT_TRUE(now.starts_with(before)) << "an earlier byte changed";
      before = now.substr(0, now.size() - static_cast<size_t>(check.unfinished_bytes));
      next = check.records;
    }
    int64_t expected = 0;
    ASSERT_OK(ReadAuditLog(file, [&](const AuditRecord& record, std::string_view) {
      EXPECT_EQ(record.request_id, std::to_string(expected++));
      return true;
    }));
    EXPECT_EQ(expected, next);
    records += next;
    std::filesystem::remove(file);
  }
  std::printf("audit log: %d kills, %lld records, none lost, %lld torn ends\n", Kills(),
              static_cast<long long>(records), static_cast<long long>(torn));
  EXPECT_GT(records, Kills());
}

// A kill leaves the log as it was or as the purge has made it, and the chain of either holds.
TEST(Crash, AuditPurge) {
  testing::TempFolder folder;
  const Path file = folder / "audit.jsonl";
  constexpr int64_t kRecords = 60;
  const auto question = [](int64_t n) { return testing::CrashValue(n).substr(0, 900); };
  int64_t purged = 0, refilled = 0, next = 0;
  Driver driver("purge", file, 3);
  for (int kill = 0; kill < Kills(); ++kill) {
    if (next >= kRecords || kill == 0) {
      std::filesystem::remove(file);
      ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(file, /*own_thread=*/false));
      for (int64_t n = 0; n < kRecords; ++n) {
        AuditRecord record;
        record.request_id = record.session_hash = std::to_string(n);
        record.question = question(n);
        ASSERT_OK(log->Append(record));
      }
      next = 0;
      ++refilled;
    }
    const Round round = driver.RunAndKill(next);
    ASSERT_OK_AND_ASSIGN(const AuditCheck check, VerifyAuditLog(file));
    ASSERT_FALSE(check.first_bad_line.has_value()) << *check.first_bad_line << ": " << check.problem;
    ASSERT_EQ(check.unfinished_bytes, 0);
    // What was acknowledged is gone for good; the one in progress is gone or whole.
    ASSERT_GE(check.purged, std::min(kRecords, round.acknowledged + 1));
    ASSERT_LE(check.purged, std::min(kRecords, round.acknowledged + 2));
    ASSERT_EQ(check.records, kRecords + check.purged);
    ASSERT_OK(ReadAuditLog(file, [&](const AuditRecord& record, std::string_view) {
      const bool gone = record.sequence <= check.purged || record.sequence > kRecords;
      EXPECT_EQ(record.question, gone ? "" : question(record.sequence - 1));
      return true;
    }));
    purged += check.purged - next;
    next = check.purged;
  }
  std::printf("purge: %d kills, %lld purges of %lld logs, none half done\n", Kills(), static_cast<long long>(purged),
              static_cast<long long>(refilled));
  EXPECT_GT(purged, 0);
}

TEST(Crash, Conversations) {
  testing::TempFolder folder;
  const Path file = folder / "conversations.db";
  Driver driver("conversations", file);
  int64_t next = 0;
  for (int kill = 0; kill < Kills(); ++kill) {
    const Round round = driver.RunAndKill(next);
    ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(file, std::chrono::hours(1)));
    ASSERT_EQ(testing::CountMovedAside(file), 0);
    // Each session has the state of its last acknowledged save, or of the one under way.
    const int64_t newest = round.acknowledged + 1;
    for (int64_t n = std::max<int64_t>(0, newest - testing::kCrashSessions); n <= newest; ++n) {
      ASSERT_OK_AND_ASSIGN(const auto state, store->Load(testing::CrashSession(n)));
      if (n == newest || n == newest - testing::kCrashSessions) {
        const bool old =
            newest >= testing::kCrashSessions ? state == testing::CrashValue(newest - testing::kCrashSessions) : !state;
        ASSERT_TRUE(old || state == testing::CrashValue(newest)) << n;
      } else {
        ASSERT_TRUE(state == testing::CrashValue(n)) << n;
      }
    }
    next = newest;  // written again: so there is never a gap
  }
  std::printf("conversations: %d kills, %lld saves, none lost\n", Kills(), static_cast<long long>(next));
  EXPECT_GT(next, Kills());
}

}  // namespace
}  // namespace bantam
