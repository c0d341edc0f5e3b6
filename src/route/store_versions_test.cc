// Every store opens the file of its first version, as the first release wrote it, and keeps what is in it; a file of a
// version to come is put aside, and the log says which version it has. The SQL here stays as it is for good.
#include <gtest/gtest.h>

#include <functional>

#include "base/log.h"
#include "base/testing.h"
#include "route/conversation_store.h"
#include "route/escalation_queue.h"
#include "route/result_cache.h"
#include "route/spending.h"
#include "route/sqlite_file.h"
#include "route/testing/broken_files.h"

namespace bantam {
namespace {

struct Store {
  const char* name;
  int32_t application_id;
  const char* first_version;
  const char* row;
  const char* count;
  std::function<Status(const Path&)> open;
};

template <typename T>
Status Opened(const Result<T>& result) {
  return result ? Ok() : Status(result.error());
}

std::vector<Store> Stores() {
  return {
      {"cache", 0x426E5443,
       "CREATE TABLE entries(key BLOB NOT NULL UNIQUE, created INTEGER NOT NULL, used INTEGER NOT NULL, checksum BLOB "
       "NOT NULL, value BLOB NOT NULL); CREATE INDEX entries_used ON entries(used);"
       "CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;",
       "INSERT INTO counters VALUES('hits', 7)", "SELECT value FROM counters WHERE name = 'hits'",
       [](const Path& file) { return Opened(ResultCache::Open(file, {})); }},
      {"conversations", 0x426E5456,
       "CREATE TABLE sessions(id BLOB PRIMARY KEY, expires INTEGER NOT NULL, checksum BLOB NOT NULL, state BLOB NOT "
       "NULL) WITHOUT ROWID; CREATE INDEX sessions_expires ON sessions(expires);",
       "INSERT INTO sessions VALUES(x'01', 4102444800000000, x'02', x'03')", "SELECT 7 * count(*) FROM sessions",
       [](const Path& file) { return Opened(ConversationStore::Open(file, std::chrono::seconds(60))); }},
      {"spending", 0x426E5453,
       "CREATE TABLE spent(account BLOB PRIMARY KEY, period INTEGER NOT NULL, since INTEGER NOT NULL, money INTEGER "
       "NOT NULL, tokens INTEGER NOT NULL) WITHOUT ROWID;",
       "INSERT INTO spent VALUES(x'01', 86400, 4102444800, 7, 8)", "SELECT money FROM spent",
       [](const Path& file) { return Opened(Spending::Open(file, {})); }},
      {"queue", 0x426E5451,
       "CREATE TABLE questions(number INTEGER PRIMARY KEY AUTOINCREMENT, checksum BLOB NOT NULL, question BLOB NOT "
       "NULL);",
       "INSERT INTO questions VALUES(7, x'01', x'02')", "SELECT number FROM questions",
       [](const Path& file) { return Opened(EscalationQueue::Open(file)); }},
  };
}

TEST(StoreVersions, TheFirstVersionsFileIsOpenedAndKept) {
  for (const Store& store : Stores()) {
    testing::TempFolder folder;
    const Path file = folder / "x.db";
    {
      const char* const versions[] = {store.first_version};
      ASSERT_OK_AND_ASSIGN(SqliteConnection db, SqliteConnection::OpenWriter(file, {store.application_id, versions}));
      ASSERT_OK(db.Execute(store.row));
    }
    SCOPED_TRACE(store.name);
    ASSERT_OK(store.open(file));
    EXPECT_EQ(testing::CountMovedAside(file), 0) << store.name;
    ASSERT_OK_AND_ASSIGN(SqliteConnection db, SqliteConnection::OpenReader(file));
    EXPECT_EQ(db.Number(store.count).value_or(-1), 7) << store.name;
  }
}

TEST(StoreVersions, ANewerVersionIsPutAsideByItsNumber) {
  for (const Store& store : Stores()) {
    testing::TempFolder folder;
    const Path file = folder / "x.db";
    {
      const char* const versions[] = {store.first_version};
      ASSERT_OK_AND_ASSIGN(SqliteConnection db, SqliteConnection::OpenWriter(file, {store.application_id, versions}));
      ASSERT_OK(db.Execute("PRAGMA user_version=99"));
    }
    std::string warned;
    const ThreadLogSink::Sink sink = [&](LogLevel, std::string_view line) { warned += line; };
    const ThreadLogSink scope(&sink);
    SCOPED_TRACE(store.name);
    ASSERT_OK(store.open(file));
    EXPECT_EQ(testing::CountMovedAside(file), 1) << store.name;
    EXPECT_NE(warned.find("its schema is version 99"), std::string::npos) << store.name << ": " << warned;
  }
}

}  // namespace
}  // namespace bantam
