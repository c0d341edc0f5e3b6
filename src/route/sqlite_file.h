// SQLite for files that may be lost but must never lie: a file that is corrupt, foreign or from a newer Bantam is moved
// aside and a new one begun.
//
// Debian 12 ships SQLite 3.40.1, in which two connections that write or checkpoint the same WAL file at once can
// corrupt it (fixed in 3.51.3, not back-ported). So, here and in every user of this header:
//   - one writing connection per file, which alone checkpoints; every other one is OpenReader's, which can do neither;
//   - a FileLock beside the file keeps a second process out;
//   - no mmap_size, which made the recorded corruptions worse.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file_io.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bantam {

// A prepared statement. Bound blobs are not copied: they live until Reset or Run has returned.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  SqliteStatement& Bind(int index, int64_t value);
  SqliteStatement& Bind(int index, std::string_view blob);
  Result<bool> Step();  // true: a row; its columns are readable until the next Step or Reset
  Status Run();         // to the end, then Reset
  void Reset();
  int64_t Int(int column) const;
  std::string_view Blob(int column) const;

 private:
  friend class SqliteConnection;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_result_ = 0;
};

// What a file has to be. versions[i] is the SQL that takes a file of schema version i to i + 1; a new file runs them
// all.
struct SqliteSchema {
  int32_t application_id;
  std::span<const char* const> versions;
};

// One thread at a time.
class SqliteConnection {
 public:
  // WAL, synchronous=NORMAL: a commit survives the process; a power cut may take the last ones but never the file.
  // Corrupt and the like: moved aside (with a warning in the log), and a new one made. kForbidden, kOutOfDisk,
  // kUnavailable: the disk's own trouble, nothing was touched.
  static Result<SqliteConnection> OpenWriter(const Path& file, const SqliteSchema& schema);
  static Result<SqliteConnection> OpenReader(const Path& file);

  Result<SqliteStatement> Prepare(std::string_view sql);
  Status Execute(const char* sql);
  Result<int64_t> Number(std::string_view sql);  // the first column of the first row
  // Moves what can be moved from the WAL into the file; the next write begins the WAL anew. Writers only.
  Status Checkpoint();
  // Leaves nothing in the file or its WAL of what was deleted. Writes the whole file anew: not while others wait.
  Status Scrub();
  // Pages in the WAL after the last commit of this connection.
  int wal_pages() const { return *wal_pages_; }
  int64_t changes() const;  // rows touched by the last statement

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  static Result<SqliteConnection> Open(const Path& file, int flags);
  static Result<SqliteConnection> TryOpenWriter(const Path& file, const SqliteSchema& schema);
  Status CheckSchema(const SqliteSchema& schema);
  std::unique_ptr<sqlite3, Close> db_;
  std::unique_ptr<int> wal_pages_ = std::make_unique<int>(0);
  Path path_;
};

// Renames `file` and its WAL to file.corrupt-TIME. Logs why.
Status MoveSqliteAside(const Path& file, std::string_view why);

// The first 16 bytes of SHA-256 over length-prefixed fields: the checksum that rows carry.
std::string RowChecksum(std::initializer_list<std::string_view> fields);

}  // namespace bantam
