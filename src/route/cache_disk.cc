#include "route/cache_disk.h"

#include <algorithm>

#include "base/text_util.h"

namespace bantam {
namespace {

// "used" is when the entry was last wanted, told seldom (see result_cache.cc): least recently used goes first.
constexpr const char* kVersions[] = {
    "CREATE TABLE entries(key BLOB NOT NULL UNIQUE, created INTEGER NOT NULL, used INTEGER NOT NULL, checksum BLOB NOT "
    "NULL,"
    "                     value BLOB NOT NULL);"
    "CREATE INDEX entries_used ON entries(used);"
    "CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;",
    // Questions that are found by their vectors go with their entries, however those go.
    "ALTER TABLE entries ADD COLUMN epoch BLOB NOT NULL DEFAULT x'';"
    "CREATE TABLE questions(key BLOB NOT NULL UNIQUE, part BLOB NOT NULL, question BLOB NOT NULL, route BLOB NOT NULL,"
    "                       vector BLOB NOT NULL, checksum BLOB NOT NULL);"
    "CREATE TRIGGER entry_gone AFTER DELETE ON entries BEGIN DELETE FROM questions WHERE key = old.key; END;"};
constexpr SqliteSchema kSchema{0x426E5443, kVersions};  // "BnTC"

constexpr int kCheckpointPages = 1'000;  // 4 MiB

std::string_view Bytes(const Sha256Digest& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }

std::string Checksum(const Sha256Digest& key, int64_t created_us, std::string_view value) {
  return RowChecksum({Bytes(key), {reinterpret_cast<const char*>(&created_us), sizeof created_us}, value});
}

std::string Checksum(const StoredQuestion& question) {
  return RowChecksum(
      {Bytes(question.key), Bytes(question.partition), question.question, question.route, question.vector});
}

std::optional<Sha256Digest> DigestOf(std::string_view bytes) {
  Sha256Digest digest{};
  if (bytes.size() != digest.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(digest.data()));
  return digest;
}

}  // namespace

Result<std::unique_ptr<CacheDisk>> CacheDisk::Open(const Path& file) {
  BANTAM_TRY(FileLock lock, FileLock::Acquire(file.string() + ".lock", fmt::format("the cache {}", file.string())));
  auto disk = OpenLocked(file);
  if (!disk &&
      disk.error().code == ErrorCode::kCorrupt) {  // beyond what OpenWriter looks at: a table, a page of a large file
    BANTAM_RETURN_IF_ERROR(MoveSqliteAside(file, disk.error().message));
    disk = OpenLocked(file);
  }
  if (disk) (*disk)->lock_.emplace(std::move(lock));
  return disk;
}

Result<std::unique_ptr<CacheDisk>> CacheDisk::OpenLocked(const Path& file) {
  BANTAM_TRY(SqliteConnection writer, SqliteConnection::OpenWriter(file, kSchema));
  BANTAM_TRY(SqliteConnection reader, SqliteConnection::OpenReader(file));
  std::unique_ptr<CacheDisk> disk(new CacheDisk(std::move(writer), std::move(reader)));
  BANTAM_RETURN_IF_ERROR(disk->Prepare());
  BANTAM_RETURN_IF_ERROR(disk->Count());
  return disk;
}

Status CacheDisk::Prepare() {
  BANTAM_TRY(find_, reader_.Prepare("SELECT created, used, checksum, value FROM entries WHERE key = ?1"));
  BANTAM_TRY(size_of_, writer_.Prepare("SELECT length(value) FROM entries WHERE key = ?1"));
  BANTAM_TRY(
      insert_,
      writer_.Prepare(
          "INSERT OR REPLACE INTO entries(key, created, used, checksum, value, epoch) VALUES(?1, ?2, ?2, ?3, ?4, ?5)"));
  BANTAM_TRY(insert_question_,
             writer_.Prepare("INSERT OR REPLACE INTO questions(key, part, question, route, vector, checksum) "
                             "VALUES(?1, ?2, ?3, ?4, ?5, ?6)"));
  BANTAM_TRY(touch_, writer_.Prepare("UPDATE entries SET used = ?2 WHERE key = ?1"));
  BANTAM_TRY(remove_, writer_.Prepare("DELETE FROM entries WHERE key = ?1 AND created = ?2"));
  BANTAM_TRY(evict_, writer_.Prepare("DELETE FROM entries WHERE rowid = ?1"));
  BANTAM_TRY(oldest_, writer_.Prepare("SELECT rowid, length(value), key FROM entries ORDER BY used LIMIT 1"));
  return Ok();
}

Status CacheDisk::Count() {
  BANTAM_TRY(entries_, writer_.Number("SELECT count(*) FROM entries"));
  BANTAM_TRY(bytes_, writer_.Number("SELECT sum(length(value)) FROM entries"));
  PublishCounts();
  return Ok();
}

void CacheDisk::PublishCounts() {
  visible_entries_ = entries_;
  visible_bytes_ = bytes_;
}

Result<std::optional<CacheStore::Row>> CacheDisk::Find(const Sha256Digest& key) {
  find_.Bind(1, Bytes(key));
  const auto found = find_.Step();
  std::optional<Row> row;
  if (found && *found) {
    row = Row{std::string(find_.Blob(3)), find_.Int(0), find_.Int(1)};
    if (find_.Blob(2) != Checksum(key, row->created_us, row->value)) {
      row->bad = true;
      row->value.clear();
    }
  }
  find_.Reset();
  if (!found) return found.error();
  return row;
}

// All of `body` or nothing of it, in the file and in our counts.
Status CacheDisk::Transaction(const std::function<Status()>& body) {
  const int64_t entries = entries_, bytes = bytes_;
  Status status = writer_.Execute("BEGIN IMMEDIATE");
  if (!status) return status;
  status = body();
  if (status) status = writer_.Execute("COMMIT");
  if (!status) {
    const Status ignored = writer_.Execute("ROLLBACK");  // fails when SQLite has rolled back by itself
    static_cast<void>(ignored);
    entries_ = entries;
    bytes_ = bytes;
  }
  PublishCounts();
  return status;
}

Result<std::vector<Sha256Digest>> CacheDisk::Write(const NewEntry& entry, int64_t now_us, const CacheLimits& limits) {
  const auto& [key, value, epoch, question] = entry;
  std::vector<Sha256Digest> evicted;
  const Status written = Transaction([&]() -> Status {
    const auto old = size_of_.Bind(1, Bytes(key)).Step();
    const bool replaces = old && *old;
    const int64_t old_bytes = replaces ? size_of_.Int(0) : 0;
    size_of_.Reset();
    if (!old) return old.error();
    const std::string checksum = Checksum(key, now_us, value);
    BANTAM_RETURN_IF_ERROR(
        insert_.Bind(1, Bytes(key)).Bind(2, now_us).Bind(3, checksum).Bind(4, value).Bind(5, epoch).Run());
    if (question != nullptr) {
      const std::string sum = Checksum(*question);
      insert_question_.Bind(1, Bytes(key)).Bind(2, Bytes(question->partition)).Bind(3, question->question);
      insert_question_.Bind(4, question->route).Bind(5, question->vector).Bind(6, sum);
      BANTAM_RETURN_IF_ERROR(insert_question_.Run());
    }
    entries_ += replaces ? 0 : 1;
    bytes_ += static_cast<int64_t>(value.size()) - old_bytes;
    BANTAM_TRY(evicted, Evict(limits));
    return Ok();
  });
  if (!written) return written.error();
  return evicted;
}

Result<std::vector<Sha256Digest>> CacheDisk::Evict(const CacheLimits& limits) {
  std::vector<Sha256Digest> evicted;
  while (entries_ > static_cast<int64_t>(limits.max_entries) || bytes_ > static_cast<int64_t>(limits.max_bytes)) {
    BANTAM_TRY(const bool found, oldest_.Step());
    if (!found) break;
    const int64_t row = oldest_.Int(0);
    bytes_ -= oldest_.Int(1);
    if (const auto key = DigestOf(oldest_.Blob(2))) evicted.push_back(*key);
    oldest_.Reset();
    BANTAM_RETURN_IF_ERROR(evict_.Bind(1, row).Run());
    --entries_;
  }
  oldest_.Reset();
  return evicted;
}

Status CacheDisk::Touch(const std::vector<Sha256Digest>& keys, int64_t now_us) {
  return Transaction([&]() -> Status {
    for (const Sha256Digest& key : keys) BANTAM_RETURN_IF_ERROR(touch_.Bind(1, Bytes(key)).Bind(2, now_us).Run());
    return Ok();
  });
}

Status CacheDisk::Remove(const Sha256Digest& key, int64_t created_us) {
  const auto found = size_of_.Bind(1, Bytes(key)).Step();
  const int64_t bytes = found && *found ? size_of_.Int(0) : 0;
  size_of_.Reset();
  BANTAM_RETURN_IF_ERROR(remove_.Bind(1, Bytes(key)).Bind(2, created_us).Run());
  if (writer_.changes() == 0) return Ok();
  --entries_;
  bytes_ -= bytes;
  PublishCounts();
  return Ok();
}

Result<std::vector<Sha256Digest>> CacheDisk::DeleteReturningKeys(SqliteStatement& statement) {
  std::vector<Sha256Digest> keys;
  while (true) {
    BANTAM_TRY(const bool found, statement.Step());
    if (!found) break;
    if (const auto key = DigestOf(statement.Blob(0))) keys.push_back(*key);
  }
  statement.Reset();
  if (!keys.empty()) BANTAM_RETURN_IF_ERROR(Count());
  return keys;
}

Result<std::vector<Sha256Digest>> CacheDisk::RemoveCreatedBefore(int64_t time_us) {
  BANTAM_TRY(SqliteStatement statement, writer_.Prepare("DELETE FROM entries WHERE created < ?1 RETURNING key"));
  return DeleteReturningKeys(statement.Bind(1, time_us));
}

Result<std::vector<Sha256Digest>> CacheDisk::RemoveEpoch(const std::string& epoch) {
  BANTAM_TRY(SqliteStatement statement, writer_.Prepare("DELETE FROM entries WHERE epoch = ?1 RETURNING key"));
  return DeleteReturningKeys(statement.Bind(1, epoch));
}

Result<std::map<std::string, int64_t>> CacheDisk::Counters() {
  BANTAM_TRY(SqliteStatement statement, writer_.Prepare("SELECT name, value FROM counters"));
  std::map<std::string, int64_t> counters;
  while (true) {
    BANTAM_TRY(const bool found, statement.Step());
    if (!found) return counters;
    counters[std::string(statement.Blob(0))] = statement.Int(1);
  }
}

Status CacheDisk::ReadQuestions(const std::function<void(StoredQuestion)>& visit) {
  BANTAM_TRY(SqliteStatement statement,
             writer_.Prepare("SELECT key, part, question, route, vector, checksum FROM questions"));
  while (true) {
    BANTAM_TRY(const bool found, statement.Step());
    if (!found) return Ok();
    const auto key = DigestOf(statement.Blob(0)), partition = DigestOf(statement.Blob(1));
    if (!key || !partition) continue;
    StoredQuestion question{*key, *partition, std::string(statement.Blob(2)), std::string(statement.Blob(3)),
                            std::string(statement.Blob(4))};
    if (statement.Blob(5) == Checksum(question)) visit(std::move(question));
  }
}

Status CacheDisk::Clear() {
  BANTAM_RETURN_IF_ERROR(writer_.Execute("DELETE FROM entries"));
  return Count();
}

Status CacheDisk::AddToCounters(const std::map<std::string, int64_t>& increments) {
  return Transaction([&]() -> Status {
    BANTAM_TRY(SqliteStatement add, writer_.Prepare("INSERT INTO counters(name, value) VALUES(CAST(?1 AS TEXT), ?2) "
                                                    "ON CONFLICT(name) DO UPDATE SET value = value + excluded.value"));
    for (const auto& [name, increment] : increments) BANTAM_RETURN_IF_ERROR(add.Bind(1, name).Bind(2, increment).Run());
    return Ok();
  });
}

Status CacheDisk::SetCounters(const std::map<std::string, int64_t>& values) {
  return Transaction([&]() -> Status {
    BANTAM_TRY(SqliteStatement set,
               writer_.Prepare("INSERT OR REPLACE INTO counters(name, value) VALUES(CAST(?1 AS TEXT), ?2)"));
    for (const auto& [name, value] : values) BANTAM_RETURN_IF_ERROR(set.Bind(1, name).Bind(2, value).Run());
    return Ok();
  });
}

Status CacheDisk::Tidy() { return writer_.wal_pages() >= kCheckpointPages ? writer_.Checkpoint() : Ok(); }

Result<std::unique_ptr<CacheStore>> CacheFile::Open() {
  BANTAM_TRY(std::unique_ptr<CacheDisk> disk, CacheDisk::Open(file_));
  return std::unique_ptr<CacheStore>(std::move(disk));
}

bool CacheFile::PutAside(const Error& error) { return MoveSqliteAside(file_, error.message).has_value(); }

std::string CacheFile::name() const { return EscapeForTerminal(file_.string(), 400); }

}  // namespace bantam
