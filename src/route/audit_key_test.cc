#include "route/audit_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing.h"
#include "route/audit_format.h"
#include "route/testing/audit_records.h"
#include "route/testing/broken_files.h"

namespace bantam {
namespace {

using testing::ReadAll;
using testing::Slurp;
using testing::Spit;
using testing::TalkRecord;

TEST(AuditKey, MadeAndLoaded) {
  testing::TempFolder folder;
  const Path file = folder / "keys/audit.key";
  ASSERT_OK(MakeAuditKey(file));
  struct stat info{};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_OK_AND_ASSIGN(const auto key, AuditKey::Load(file));
  EXPECT_EQ(key->id().size(), 16u);
  EXPECT_EQ(MakeAuditKey(file).error().code, ErrorCode::kConflict);
}

TEST(AuditKey, RefusesFilesThatAreNone) {
  testing::TempFolder folder;
  const Path file = folder / "audit.key";
  EXPECT_EQ(AuditKey::Load(file).error().code, ErrorCode::kNotFound);
  for (const std::string& text : {std::string(), std::string("secret\n"), std::string(63, 'a'), std::string(65, 'a'),
                                  std::string(64, 'g'), std::string(64, 'a') + " \n"}) {
    Spit(file, text);
    ::chmod(file.c_str(), 0600);
    EXPECT_EQ(AuditKey::Load(file).error().code, ErrorCode::kInvalidArgument) << text;
  }
  Spit(file, std::string(64, 'A') + "\r\n");
  EXPECT_OK(AuditKey::Load(file));
  ::chmod(file.c_str(), 0640);
  EXPECT_EQ(AuditKey::Load(file).error().code, ErrorCode::kForbidden);
}

TEST(AuditKey, TextsAreCiphertextInTheLog) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  const auto key = std::make_shared<const AuditKey>(AeadKey{1});
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(file, /*own_thread=*/false));
    ASSERT_OK(log->Append(TalkRecord(1)));  // from before there was a key
    log->SetKey(key);
    for (const int n : {2, 2}) ASSERT_OK(log->Append(TalkRecord(n)));
  }
  const std::string bytes = Slurp(file);
  EXPECT_NE(bytes.find("question 1"), std::string::npos);
  EXPECT_EQ(bytes.find("question 2"), std::string::npos);
  EXPECT_EQ(bytes.find("reason 2"), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const AuditCheck check, VerifyAuditLog(file));  // without the key
  EXPECT_EQ(check.records, 3);
  EXPECT_FALSE(check.first_bad_line) << check.problem;

  std::vector<AuditRecord> records = ReadAll(file);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_NE(records[1].sealed, records[2].sealed);  // of the same texts
  EXPECT_OK(OpenTexts(nullptr, records[0]));
  EXPECT_EQ(OpenTexts(nullptr, records[1]).error().code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(OpenTexts(std::make_shared<const AuditKey>(AeadKey{2}).get(), records[1]).error().code,
            ErrorCode::kUnauthenticated);
  AuditRecord moved = records[1];
  moved.sequence = 3;
  EXPECT_EQ(OpenTexts(key.get(), moved).error().code, ErrorCode::kCorrupt);
  ASSERT_OK(OpenTexts(key.get(), records[1]));
  EXPECT_EQ(records[1].question, "question 2");
  EXPECT_EQ(records[1].answer, "answer 2");
  EXPECT_EQ(records[1].similar->reason, "reason 2");
}

TEST(AuditKey, TheLongestTextsFitIntoALine) {
  testing::TempFolder folder;
  AuditRecord record = TalkRecord(1);
  record.question = record.answer = std::string(1 << 20, '\x01');
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(folder / "a.jsonl", /*own_thread=*/false));
    log->SetKey(std::make_shared<const AuditKey>(AeadKey{1}));
    ASSERT_OK(log->Append(record));
  }
  EXPECT_EQ(ReadAll(folder / "a.jsonl").size(), 1u);
}

}  // namespace
}  // namespace bantam
