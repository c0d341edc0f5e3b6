#include "route/audit_purge.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "route/audit_format.h"
#include "route/audit_key.h"
#include "route/testing/audit_records.h"
#include "route/testing/broken_files.h"

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
  EXPECT_EQ(with(3, removed.substr(0, texts) + "}\n"), 4);                // no purge is named
  EXPECT_EQ(with(3, removed.substr(0, texts) + ",\"purged\":7}\n"), 7);   // that purge does not tell of it
  EXPECT_EQ(with(3, removed.substr(0, texts) + ",\"purged\":99}\n"), 4);  // there is none of that number
  EXPECT_EQ(with(2, lines[2].substr(0, lines[2].find(",\"purged\"")) + "}\n"), 3);
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
