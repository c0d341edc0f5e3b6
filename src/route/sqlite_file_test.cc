#include "route/sqlite_file.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "base/testing.h"
#include "route/file_lock.h"
#include "route/testing/broken_files.h"

namespace bantam {
namespace {

constexpr const char* kOne[] = {"CREATE TABLE t(x INTEGER);"};
constexpr const char* kTwo[] = {"CREATE TABLE t(x INTEGER);", "ALTER TABLE t ADD COLUMN y INTEGER DEFAULT 7;"};
constexpr const char* kBad[] = {"CREATE TABLE t(x INTEGER);",
                                "ALTER TABLE t ADD COLUMN y; ALTER TABLE missing ADD COLUMN z;"};
constexpr SqliteSchema kSchemaOne{0x74657374, kOne}, kSchemaTwo{0x74657374, kTwo}, kSchemaBad{0x74657374, kBad};

TEST(SqliteFile, MigratesAnOlderFile) {
  testing::TempFolder folder;
  {
    ASSERT_OK_AND_ASSIGN(SqliteConnection db, SqliteConnection::OpenWriter(folder / "x.db", kSchemaOne));
    ASSERT_OK(db.Execute("INSERT INTO t VALUES(1)"));
  }
  // A migration that fails changes nothing: not the version, not the columns that came before the mistake.
  EXPECT_FALSE(SqliteConnection::OpenReader(folder / "missing.db").has_value());
  {
    ASSERT_OK_AND_ASSIGN(SqliteConnection db, SqliteConnection::OpenWriter(folder / "x.db", kSchemaTwo));
    EXPECT_EQ(db.Number("SELECT y FROM t WHERE x = 1").value_or(-1), 7);
    EXPECT_EQ(db.Number("PRAGMA user_version").value_or(-1), 2);
  }
  EXPECT_EQ(testing::CountMovedAside(folder / "x.db"), 0);
  // The older program finds a newer file: moved aside, not misread.
  ASSERT_OK_AND_ASSIGN(SqliteConnection db, SqliteConnection::OpenWriter(folder / "x.db", kSchemaOne));
  EXPECT_EQ(db.Number("SELECT count(*) FROM t").value_or(-1), 0);
  EXPECT_EQ(testing::CountMovedAside(folder / "x.db"), 1);
}

TEST(SqliteFile, AFailedMigrationChangesNothing) {
  testing::TempFolder folder;
  const Path file = folder / "x.db";
  ASSERT_OK(SqliteConnection::OpenWriter(file, kSchemaOne));
  // The file is moved aside (as any that cannot be used); a new one of that schema cannot be made either.
  EXPECT_FALSE(SqliteConnection::OpenWriter(file, kSchemaBad).has_value());
  ASSERT_EQ(testing::CountMovedAside(file), 1);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().string().find(".corrupt-") == std::string::npos || entry.path().string().ends_with("-wal"))
      continue;
    ASSERT_OK_AND_ASSIGN(SqliteConnection old, SqliteConnection::OpenReader(entry.path()));
    EXPECT_EQ(old.Number("PRAGMA user_version").value_or(-1), 1);
    EXPECT_FALSE(old.Number("SELECT y FROM t").has_value());
  }
}

TEST(SqliteFile, IsOursAlone) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(SqliteConnection db, SqliteConnection::OpenWriter(folder / "x.db", kSchemaOne));
  struct stat info{};
  ASSERT_EQ(::stat((folder / "x.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);  // it may hold what people said
  EXPECT_EQ(db.Number("PRAGMA mmap_size").value_or(-1), 0);
}

TEST(SqliteFile, ReadersCannotWriteOrCheckpoint) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(SqliteConnection db, SqliteConnection::OpenWriter(folder / "x.db", kSchemaOne));
  ASSERT_OK(db.Execute("INSERT INTO t VALUES(1)"));
  const std::string before = testing::Slurp(folder / "x.db");
  {
    ASSERT_OK_AND_ASSIGN(SqliteConnection reader, SqliteConnection::OpenReader(folder / "x.db"));
    EXPECT_EQ(reader.Number("SELECT x FROM t").value_or(-1), 1);
    EXPECT_FALSE(reader.Execute("INSERT INTO t VALUES(2)").has_value());
    EXPECT_FALSE(reader.Checkpoint().has_value());
  }
  EXPECT_EQ(testing::Slurp(folder / "x.db"), before);
}

TEST(FileLock, OneHolder) {
  testing::TempFolder folder;
  const Path file = folder / "deep/er/lock";
  {
    ASSERT_OK_AND_ASSIGN(FileLock held, FileLock::Acquire(file, "the thing"));
    EXPECT_EQ(FileLock::Holder(file), ::getpid());
    const auto second = FileLock::Acquire(file, "the thing");
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    EXPECT_NE(second.error().message.find(fmt::format("the thing is in use by process {}", ::getpid())),
              std::string::npos)
        << second.error().message;
  }
  EXPECT_EQ(FileLock::Holder(file), 0);
  EXPECT_OK(FileLock::Acquire(file, "the thing"));
}

}  // namespace
}  // namespace bantam
