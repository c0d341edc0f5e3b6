#include "route/sqlite_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/clock.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/text_util.h"

namespace bantam {
namespace {

// quick_check reads the whole file, some 0.4 ms a MiB; beyond this, a bad page is found when it is read.
constexpr int64_t kMaxCheckedBytes = int64_t{32} << 20;

Error SqliteError(sqlite3* db, int code, const Path& path) {
  ErrorCode kind = ErrorCode::kUnavailable;
  switch (code & 0xFF) {
    case SQLITE_FULL:
      kind = ErrorCode::kOutOfDisk;
      break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      kind = ErrorCode::kForbidden;
      break;
    case SQLITE_ERROR:  // a missing table or column: not our schema
    case SQLITE_SCHEMA:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      kind = ErrorCode::kCorrupt;
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      kind = ErrorCode::kConflict;
      break;
    case SQLITE_NOMEM:
      kind = ErrorCode::kOutOfMemory;
      break;
    case SQLITE_MISUSE:
      kind = ErrorCode::kInternal;
      break;
    default:
      break;
  }
  const int system = db != nullptr ? sqlite3_system_errno(db) : 0;
  if (kind == ErrorCode::kUnavailable && (system == ENOSPC || system == EDQUOT)) kind = ErrorCode::kOutOfDisk;
  if (kind == ErrorCode::kUnavailable && (system == EROFS || system == EACCES)) kind = ErrorCode::kForbidden;
  return Err(kind, "{}: {}", EscapeForTerminal(path.string(), 400),
             db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

// A file that a database can be opened in: absent, or a regular file that we may read and write.
Status CheckFile(const Path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) {
    if (errno != ENOENT) return ErrnoError("inspect", file, errno);
    // Made here, for its permissions: it may hold what people said. SQLite gives its WAL the same ones.
    UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd.valid()) return ErrnoError("create", file, errno);
    return Ok();
  }
  if (!S_ISREG(info.st_mode)) return Err(ErrorCode::kCorrupt, "it is not a regular file");
  if (::access(file.c_str(), R_OK | W_OK) != 0) {
    if (errno == EACCES) return Err(ErrorCode::kCorrupt, "this user may not read and write it");
    return ErrnoError("open", file, errno);
  }
  return Ok();
}

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void SqliteConnection::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

SqliteStatement& SqliteStatement::Bind(int index, int64_t value) {
  if (bind_result_ == SQLITE_OK) bind_result_ = sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

SqliteStatement& SqliteStatement::Bind(int index, std::string_view blob) {
  // A null pointer would bind NULL instead of an empty blob.
  const char* data = blob.data() != nullptr ? blob.data() : "";
  if (bind_result_ == SQLITE_OK)
    bind_result_ = sqlite3_bind_blob64(statement_.get(), index, data, blob.size(), SQLITE_STATIC);
  return *this;
}

Result<bool> SqliteStatement::Step() {
  const int code = bind_result_ != SQLITE_OK ? bind_result_ : sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* db = sqlite3_db_handle(statement_.get());
  const char* name = sqlite3_db_filename(db, "main");
  return SqliteError(db, code, name != nullptr ? name : "");
}

Status SqliteStatement::Run() {
  for (;;) {
    const auto row = Step();
    if (row && *row) continue;
    Reset();
    if (!row) return row.error();
    return Ok();
  }
}

void SqliteStatement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bind_result_ = SQLITE_OK;
}

int64_t SqliteStatement::Int(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view SqliteStatement::Blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);  // before bytes: it may convert
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), static_cast<size_t>(bytes));
}

Result<SqliteConnection> SqliteConnection::Open(const Path& file, int flags) {
  SqliteConnection connection;
  connection.path_ = file;
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  connection.db_.reset(db);
  if (code != SQLITE_OK) return SqliteError(db, code, file);
  sqlite3_busy_timeout(db, 1'000);
  // What a hostile file could make SQL do.
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  BANTAM_RETURN_IF_ERROR(connection.Execute("PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"));
  return connection;
}

Result<SqliteConnection> SqliteConnection::OpenReader(const Path& file) {
  BANTAM_TRY(SqliteConnection connection, Open(file, SQLITE_OPEN_READONLY));
  sqlite3_db_config(connection.db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  BANTAM_RETURN_IF_ERROR(connection.Execute("PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0;"));
  return connection;
}

Result<SqliteConnection> SqliteConnection::OpenWriter(const Path& file, const SqliteSchema& schema) {
  if (file.has_parent_path()) BANTAM_RETURN_IF_ERROR(MakeFolders(file.parent_path()));
  auto connection = TryOpenWriter(file, schema);
  if (connection || connection.error().code != ErrorCode::kCorrupt) return connection;
  BANTAM_RETURN_IF_ERROR(MoveSqliteAside(file, connection.error().message));
  return TryOpenWriter(file, schema);
}

Result<SqliteConnection> SqliteConnection::TryOpenWriter(const Path& file, const SqliteSchema& schema) {
  BANTAM_RETURN_IF_ERROR(CheckFile(file));
  BANTAM_TRY(SqliteConnection connection, Open(file, SQLITE_OPEN_READWRITE));
  if (sqlite3_db_readonly(connection.db_.get(), "main") == 1) {
    return Err(ErrorCode::kForbidden, "{} can only be read", EscapeForTerminal(file.string(), 400));
  }
  // Before anything is changed in it: whose is it?
  BANTAM_RETURN_IF_ERROR(connection.CheckSchema(schema));
  sqlite3_wal_hook(
      connection.db_.get(),
      [](void* pages, sqlite3*, const char*, int in_wal) { return *static_cast<int*>(pages) = in_wal, SQLITE_OK; },
      connection.wal_pages_
          .get());  // replaces the automatic checkpoint: Checkpoint() is called where a wait hurts nobody
  return connection;
}

Status SqliteConnection::CheckSchema(const SqliteSchema& schema) {
  BANTAM_TRY(const int64_t id, Number("PRAGMA application_id"));
  BANTAM_TRY(const int64_t version, Number("PRAGMA user_version"));
  BANTAM_TRY(const int64_t tables, Number("SELECT count(*) FROM sqlite_schema"));
  const auto newest = static_cast<int64_t>(schema.versions.size());
  const bool is_new = id == 0 && version == 0 && tables == 0;
  if (!is_new && id != schema.application_id) return Err(ErrorCode::kCorrupt, "it belongs to another program");
  if (version < 0 || version > newest) {
    return Err(ErrorCode::kCorrupt, "its schema is version {}, this Bantam knows {}", version, newest);
  }
  BANTAM_TRY(const int64_t bytes, Number("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"));
  if (bytes <= kMaxCheckedBytes) {
    BANTAM_TRY(SqliteStatement check, Prepare("PRAGMA quick_check(1)"));
    BANTAM_TRY(const bool row, check.Step());
    if (!row || check.Blob(0) != "ok") return Err(ErrorCode::kCorrupt, "{}", EscapeForTerminal(check.Blob(0), 300));
  }
  BANTAM_RETURN_IF_ERROR(
      Execute("PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=8388608; PRAGMA journal_mode=WAL;"));
  if (version == newest) return Ok();
  std::string migration = "BEGIN IMMEDIATE;";
  for (const char* step : schema.versions.subspan(static_cast<size_t>(version))) migration += step;
  migration += fmt::format("PRAGMA application_id={}; PRAGMA user_version={}; COMMIT;", schema.application_id, newest);
  Status migrated = Execute(migration.c_str());
  if (!migrated && sqlite3_get_autocommit(db_.get()) == 0)
    sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  return migrated;
}

Result<SqliteStatement> SqliteConnection::Prepare(std::string_view sql) {
  SqliteStatement statement;
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  statement.statement_.reset(raw);
  if (code != SQLITE_OK) return SqliteError(db_.get(), code, path_);
  return statement;
}

Status SqliteConnection::Execute(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return SqliteError(db_.get(), code, path_);
  return Ok();
}

Result<int64_t> SqliteConnection::Number(std::string_view sql) {
  BANTAM_TRY(SqliteStatement statement, Prepare(sql));
  BANTAM_TRY(const bool row, statement.Step());
  return row ? statement.Int(0) : 0;
}

Status SqliteConnection::Checkpoint() {
  const int code = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK && code != SQLITE_BUSY) return SqliteError(db_.get(), code, path_);
  *wal_pages_ = 0;
  return Ok();
}

Status SqliteConnection::Scrub() {
  // VACUUM copies what there is, page by page; without secure_delete and the truncation its own leftovers would stay.
  BANTAM_RETURN_IF_ERROR(Execute("PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY; VACUUM"));
  const int code = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (code != SQLITE_OK) return SqliteError(db_.get(), code, path_);
  *wal_pages_ = 0;
  return Ok();
}

int64_t SqliteConnection::changes() const { return sqlite3_changes64(db_.get()); }

Status MoveSqliteAside(const Path& file, std::string_view why) {
  const std::time_t now = WallMicros() / 1'000'000;
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char time[32];
  std::strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", &utc);
  std::string target = fmt::format("{}.corrupt-{}", file.string(), time);
  for (int n = 2; ::access(target.c_str(), F_OK) == 0; ++n)
    target = fmt::format("{}.corrupt-{}-{}", file.string(), time, n);
  if (::rename(file.c_str(), target.c_str()) != 0) return ErrnoError("move aside", file, errno);
  // The WAL belongs to it. The -shm file is only an index of the WAL.
  ::rename((file.string() + "-wal").c_str(), (target + "-wal").c_str());
  ::unlink((file.string() + "-shm").c_str());
  Log(LogLevel::kWarning, "{} cannot be used ({}); it was moved to {} and a new one begun",
      EscapeForTerminal(file.string(), 400), why, EscapeForTerminal(target, 400));
  return Ok();
}

std::string RowChecksum(std::initializer_list<std::string_view> fields) {
  Sha256 hash;
  for (const std::string_view field : fields) {
    const uint64_t size = field.size();
    hash.Update({reinterpret_cast<const char*>(&size), sizeof size}).Update(field);
  }
  const Sha256Digest digest = hash.Finish();
  return {reinterpret_cast<const char*>(digest.data()), 16};
}

}  // namespace bantam
