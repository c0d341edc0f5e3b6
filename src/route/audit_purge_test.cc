#include "route/audit_purge.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "route/audit_key.h"
#include "route/file_lock.h"
#include "route/testing/audit_records.h"
#include "route/testing/broken_files.h"
#include "route/testing/small_disk.h"

namespace bantam {
namespace {

using testing::ReadAll;
using testing::Slurp;
using testing::Spit;
using testing::TalkRecord;

// Six records of three conversations; 1 and 2 in the format of version 1, 5 and 6 encrypted.
void WriteMixed(const Path& file) {
  std::string text, previous(kNoAuditHash);
  for (int n = 1; n <= 2; ++n) {
    const std::string body = fmt::format(
        R"({{"v":1,"seq":{},"time":"2026-01-0{}T12:00:00.000000Z","request_id":"req-{}","session":"{}","route":"r",)"
        R"("decision":"answer","source":"local model","confidence":0.93,"nearest":[],"similar":{{"similarity":0.8,)"
        R"("verdict":"refused","reason":"reason {}"}},"outcome":"ok","question_sha256":"q","answer_sha256":"a",)"
        R"("question":"question {}","answer":"answer {}","route_file_sha256":"f","head_sha256":"h","prev":"{}")",
        n, n, n, Sha256Hex(fmt::format("s{}", n)), n, n, n, previous);
    previous = Sha256Hex(body);
    text += fmt::format("{},\"hash\":\"{}\"}}\n", body, previous);
  }
  Spit(file, text);
  const auto log = AuditLog::Open(file, /*own_thread=*/false);
  ASSERT_OK(log);
  for (int n = 3; n <= 6; ++n) {
    if (n == 5) (*log)->SetKey(std::make_shared<const AuditKey>(AeadKey{1}));
    ASSERT_OK((*log)->Append(TalkRecord(n, fmt::format("s{}", 1 + n % 3))));
  }
}

// A log to which others write while a purge is at it.
class BusyLog : public AuditLog {
 public:
  explicit BusyLog(AuditLog& log) : log_(log) {}
  void SetKey(std::shared_ptr<const AuditKey> key) override { log_.SetKey(std::move(key)); }
  Status Append(AuditRecord record) override { return log_.Append(std::move(record)); }
  bool slow() const override { return log_.slow(); }
  const Path& file() const override { return log_.file(); }
  End end() const override { return log_.end(); }
  Result<End> ReplaceBy(UniqueFd copy, const Path& copy_file, const End& from, AuditRecord last) override {
    for (const int n : {90, 91}) EXPECT_OK(log_.Append(TalkRecord(n)));
    return log_.ReplaceBy(std::move(copy), copy_file, from, std::move(last));
  }

 private:
  AuditLog& log_;
};

AuditCheck Verify(const Path& file) {
  const auto check = VerifyAuditLog(file);
  EXPECT_OK(check);
  return check.value_or(AuditCheck{.records = -1, .last_hash = {}, .first_bad_line = 0, .problem = "unreadable"});
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}

TEST(AuditPurge, TakesOutOneConversation) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  WriteMixed(file);
  Spit(folder / "a.jsonl.torn", "{\"v\":1,\"question\":\"half");
  const std::vector<std::string> before = Lines(Slurp(file));
  ASSERT_OK_AND_ASSIGN(const PurgeReport dry, PurgeAuditLog(file, {.session_hash = Sha256Hex("s1"), .dry_run = true}));
  EXPECT_EQ(dry.records, 3);  // 1, 3 and 6
  EXPECT_EQ(Lines(Slurp(file)), before);
  ASSERT_OK_AND_ASSIGN(const PurgeReport report, PurgeAuditLog(file, {.session_hash = Sha256Hex("s1")}));
  EXPECT_EQ(report.records, 3);
  EXPECT_EQ(report.sequence, 7);
  EXPECT_TRUE(report.torn_removed);
  EXPECT_FALSE(std::filesystem::exists(folder / "a.jsonl.torn"));
  EXPECT_FALSE(std::filesystem::exists(folder / "a.jsonl.partial"));

  const std::string bytes = Slurp(file);
  for (const int n : {1, 3}) {
    for (const char* what : {"question", "answer", "reason"})
      EXPECT_EQ(bytes.find(fmt::format("\"{} {}\"", what, n)), std::string::npos) << what << n;
  }
  const std::vector<std::string> after = Lines(bytes);
  ASSERT_EQ(after.size(), 7u);
  for (const size_t i : {1, 3, 4}) EXPECT_EQ(after[i], before[i]);
  const AuditCheck check = Verify(file);
  EXPECT_FALSE(check.first_bad_line) << check.problem;
  EXPECT_EQ(check.records, 7);
  EXPECT_EQ(check.purged, 3);

  const std::vector<AuditRecord> records = ReadAll(file);
  EXPECT_EQ(records[0].purged_by, 7);
  EXPECT_EQ(records[0].confidence, 0.93);
  EXPECT_TRUE(records[0].similar.has_value());
  EXPECT_EQ(records[1].question, "question 2");
  EXPECT_EQ(records[6].purge->session_hash, Sha256Hex("s1"));
  // Everything else goes on: more records, another purge, one that finds nothing.
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(file, /*own_thread=*/false));
    ASSERT_OK(log->Append(TalkRecord(8)));
  }
  ASSERT_OK_AND_ASSIGN(const PurgeReport again, PurgeAuditLog(file, {.session_hash = Sha256Hex("s1")}));
  EXPECT_EQ(again.sequence, 0);
  ASSERT_OK_AND_ASSIGN(const PurgeReport old, PurgeAuditLog(file, {.before_us = INT64_MAX}));
  EXPECT_EQ(old.records, 4);
  EXPECT_EQ(Verify(file).purged, 7);
  EXPECT_FALSE(Verify(file).first_bad_line) << Verify(file).problem;
}

TEST(AuditPurge, ByAgeAndByRequest) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  WriteMixed(file);
  ASSERT_OK_AND_ASSIGN(const PurgeReport old,
                       PurgeAuditLog(file, {.before_us = ParseTime("2026-01-02T00:00:00.000000Z")}));
  EXPECT_EQ(old.records, 1);
  ASSERT_OK_AND_ASSIGN(const PurgeReport one, PurgeAuditLog(file, {.request_id = "req-4"}));
  EXPECT_EQ(one.records, 1);
  ASSERT_OK_AND_ASSIGN(const PurgeReport none, PurgeAuditLog(file, {.before_us = 0, .request_id = "req-5"}));
  EXPECT_EQ(none.records, 0);
  EXPECT_FALSE(Verify(file).first_bad_line) << Verify(file).problem;
}

// Property, on every seventh byte: none of a purged log can be changed unseen either, and no text be taken out besides.
TEST(AuditPurge, EveryChangeIsFoundAfterwards) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  WriteMixed(file);
  ASSERT_OK(PurgeAuditLog(file, {.session_hash = Sha256Hex("s1")}));
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(file, /*own_thread=*/false));
    ASSERT_OK(log->Append(TalkRecord(8)));
  }
  const std::string good = Slurp(file);
  ASSERT_FALSE(Verify(file).first_bad_line);
  for (size_t byte = 0; byte + 1 < good.size(); byte += 7) {
    std::string changed = good;
    changed[byte] = static_cast<char>(changed[byte] ^ 0x01);
    Spit(file, changed);
    ASSERT_TRUE(Verify(file).first_bad_line.has_value()) << byte << ": " << changed.substr(byte, 40);
  }
  const std::vector<std::string> lines = Lines(good);
  const auto with = [&](size_t i, const std::string& line) {
    std::vector<std::string> all = lines;
    all[i] = line;
    std::string text;
    for (const std::string& one : all) text += one;
    Spit(file, text);
    return Verify(file).first_bad_line;
  };
  std::string removed = lines[3];
  const size_t texts = removed.find(",\"texts\":");
  EXPECT_EQ(with(3, removed.substr(0, texts) + "}\n"), 4);               // no purge is named
  EXPECT_EQ(with(3, removed.substr(0, texts) + ",\"purged\":7}\n"), 7);  // that purge does not tell of it
  for (const int id : {8, 99})                                           // no purge is called that
    EXPECT_EQ(with(3, removed.substr(0, texts) + fmt::format(",\"purged\":{}}}\n", id)), 4);
  EXPECT_EQ(with(2, lines[2].substr(0, lines[2].find(",\"purged\"")) + "}\n"), 3);
}

// -- while records are appended

// Property: whenever it happens, every record is there once, in the order of one chain, and no text of an old one.
TEST(AuditPurge, TextsLeaveALogThatIsWrittenTo) {
  constexpr int kOld = 400, kPurges = 4, kThreads = 3, kMost = 500;
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  testing::WriteOldLog(file, kOld, std::chrono::hours(48));
  ASSERT_OK_AND_ASSIGN(const auto log, AuditLog::Open(file));
  std::atomic<int> appended = 0;
  std::atomic<bool> done = false;
  std::vector<std::jthread> writers;
  for (int t = 0; t < kThreads; ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0; i < kMost && !done; ++i, ++appended)
        EXPECT_OK(log->Append(TalkRecord(10'000 * (t + 1) + i, fmt::format("s{}", i % kPurges))));
    });
  }
  while (appended == 0) std::this_thread::yield();
  // Of what was old; then of conversations in which somebody goes on talking.
  int64_t purged = 0, meanwhile = 0;
  for (int purge = 0; purge < kPurges; ++purge) {
    PurgeRequest request{.before_us = WallMicros() - std::chrono::microseconds(std::chrono::hours(24)).count()};
    if (purge > 0) request = {.session_hash = Sha256Hex(fmt::format("s{}", purge))};
    const int before = appended;
    ASSERT_OK_AND_ASSIGN(const PurgeReport report, PurgeAuditLog(*log, request));
    meanwhile += appended - before;
    EXPECT_GT(report.sequence, 0);
    purged += report.records;
    if (purge == 0) {
      EXPECT_EQ(purged, kOld);
    }
  }
  done = true;
  writers.clear();
  EXPECT_GT(meanwhile, 0) << "nothing was appended during a purge: no proof";

  ASSERT_OK(log->Append(TalkRecord(5'000)));
  const AuditCheck check = Verify(file);
  EXPECT_FALSE(check.first_bad_line) << *check.first_bad_line << ": " << check.problem;
  EXPECT_EQ(check.records, kOld + appended + 1 + kPurges);
  EXPECT_EQ(check.purged, purged);
  EXPECT_EQ(log->end().records, check.records);
  EXPECT_EQ(log->end().hash, check.last_hash);
  std::set<std::string> seen;
  for (const AuditRecord& record : ReadAll(file)) {
    EXPECT_TRUE(seen.insert(record.request_id).second) << record.request_id << " is there twice";
    EXPECT_EQ(record.question.empty(), record.purge || record.purged_by != 0);
  }
  const std::string bytes = Slurp(file);
  for (int n = 1; n <= kOld; ++n) ASSERT_EQ(bytes.find(fmt::format("question {}\"", n)), std::string::npos) << n;
  EXPECT_FALSE(std::filesystem::exists(folder / "a.jsonl.partial"));
}

TEST(AuditPurge, APurgeBesideOthersRecordsHasItsOwnId) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  testing::WriteOldLog(file, 3, std::chrono::hours(48));
  {
    ASSERT_OK_AND_ASSIGN(const auto log, AuditLog::Open(file, /*own_thread=*/false));
    BusyLog busy(*log);
    ASSERT_OK_AND_ASSIGN(const PurgeReport report, PurgeAuditLog(busy, {.session_hash = Sha256Hex("s")}));
    EXPECT_EQ(report.records, 3);
    EXPECT_EQ(report.sequence, 6);
    ASSERT_OK_AND_ASSIGN(const PurgeReport again, PurgeAuditLog(*log, {.session_hash = Sha256Hex("s")}));
    EXPECT_EQ(again.sequence, 7);
  }
  std::vector<AuditRecord> records = ReadAll(file);
  ASSERT_EQ(records.size(), 7u);
  EXPECT_EQ(records[0].purged_by, 4);
  EXPECT_EQ(records[3].purged_by, 7);
  EXPECT_EQ(records[5].purge->id, 4);
  EXPECT_EQ(records[5].request_id, "purge-4");
  EXPECT_EQ(records[6].purge->id, 7);
  EXPECT_FALSE(Verify(file).first_bad_line) << Verify(file).problem;
  const std::string good = Slurp(file);
  EXPECT_EQ(Lines(good)[6].find("\"id\""), std::string::npos) << "its own number goes without saying";
  for (size_t byte = good.find("\"purge\":"); byte < good.find("\"lines_sha256\":"); ++byte) {
    std::string changed = good;
    changed[byte] = static_cast<char>(changed[byte] ^ 0x01);
    Spit(file, changed);
    ASSERT_TRUE(Verify(file).first_bad_line.has_value()) << byte << ": " << changed.substr(byte, 40);
  }
}

TEST(AuditPurge, WhatGoesWrongLeavesTheLogInUse) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl", partial = folder / "a.jsonl.partial";
  testing::WriteOldLog(file, 20, std::chrono::hours(48));
  ASSERT_OK_AND_ASSIGN(const auto log, AuditLog::Open(file, /*own_thread=*/false));
  const std::string before = Slurp(file);
  const auto code = [&](const std::stop_token& stop = {}) {
    const auto report = PurgeAuditLog(*log, {.before_us = INT64_MAX}, stop);
    EXPECT_FALSE(report);
    return report ? ErrorCode::kInternal : report.error().code;
  };
  std::filesystem::create_directory(partial);
  code();
  std::filesystem::remove(partial);
  std::filesystem::create_symlink(folder / "elsewhere", partial);
  code();
  EXPECT_FALSE(std::filesystem::exists(folder / "elsewhere"));
  std::filesystem::remove(partial);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code(stop.get_token()), ErrorCode::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(partial));
  {
    ASSERT_OK_AND_ASSIGN(const FileLock another, FileLock::Acquire(partial, "another purge"));
    EXPECT_EQ(code(), ErrorCode::kConflict);
  }
  EXPECT_EQ(Slurp(file), before);
  ASSERT_OK(log->Append(TalkRecord(21)));
  EXPECT_EQ(Verify(file).records, 21);
  // Somebody has moved it away, and another one is there: that one is not ours to replace.
  std::filesystem::rename(file, folder / "moved");
  Spit(file, before);
  code();
  EXPECT_EQ(Slurp(file), before);
  ASSERT_OK(log->Append(TalkRecord(22)));
  EXPECT_EQ(Verify(folder / "moved").records, 22);
  EXPECT_FALSE(std::filesystem::exists(partial));
}

TEST(AuditPurge, ADiskThatFillsUpLeavesTheLogInUse) {
  BANTAM_REQUIRE_SMALL_DISK(disk);
  const Path file = disk / "a.jsonl";
  ASSERT_OK_AND_ASSIGN(const auto log, AuditLog::Open(file, /*own_thread=*/false));
  AuditRecord long_one = TalkRecord(1);
  long_one.confidence = 0;
  long_one.problem = std::string(1'900, 'x');                      // stays
  for (int i = 0; i < 300; ++i) ASSERT_OK(log->Append(long_one));  // the disk holds one copy, not two
  const std::string before = Slurp(file);
  const auto report = PurgeAuditLog(*log, {.before_us = INT64_MAX});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kOutOfDisk) << report.error().message;
  EXPECT_EQ(Slurp(file), before);
  EXPECT_FALSE(std::filesystem::exists(disk / "a.jsonl.partial"));
  ASSERT_OK(log->Append(long_one));
  EXPECT_EQ(Verify(file).records, 301);
}

TEST(AuditPurge, TheLogStaysOursAndAsReadableAsItWas) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  testing::WriteOldLog(file, 3, std::chrono::hours(48));
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(file));
  ASSERT_OK(PurgeAuditLog(*log, {.before_us = INT64_MAX}));
  EXPECT_EQ(AuditLog::Open(file).error().code, ErrorCode::kConflict);
  struct stat info{};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  log.reset();
  ASSERT_OK(AuditLog::Open(file));
}

TEST(AuditPurge, RefusesABrokenLogAndOneInUse) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  WriteMixed(file);
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(file, /*own_thread=*/false));
    EXPECT_EQ(PurgeAuditLog(file, {.before_us = INT64_MAX}).error().code, ErrorCode::kConflict);
  }
  std::string changed = Slurp(file);
  changed[changed.find("0.93") + 3] = '4';
  Spit(file, changed);
  EXPECT_EQ(PurgeAuditLog(file, {.before_us = INT64_MAX}).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(Slurp(file), changed);
}

TEST(AuditFormat, ANewerVersionIsRefusedByItsNumber) {
  const auto parsed = ParseAuditLine(R"({"v":3})", "line");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_NE(parsed.error().message.find("version 3"), std::string::npos) << parsed.error().message;
}

}  // namespace
}  // namespace bantam
