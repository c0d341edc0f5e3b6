#include "route/conversation_store.h"

#include <algorithm>
#include <mutex>

#include "base/sha256.h"
#include "base/text_util.h"
#include "route/sqlite_file.h"

namespace bantam {
namespace {

constexpr size_t kMaxStateBytes = size_t{64} << 10;
constexpr int64_t kMaxSessions = 100'000;
constexpr int kPurgeEvery = 256;         // saves
constexpr int kCheckpointPages = 1'000;  // 4 MiB

constexpr const char* kVersions[] = {
    "CREATE TABLE sessions(id BLOB PRIMARY KEY, expires INTEGER NOT NULL, checksum BLOB NOT NULL, state BLOB NOT NULL) "
    "WITHOUT ROWID;"
    "CREATE INDEX sessions_expires ON sessions(expires);"};
constexpr SqliteSchema kSchema{0x426E5456, kVersions};  // "BnTV"

// One connection for all: a turn of a form costs one commit of some 30 us.
class DiskConversationStore final : public ConversationStore {
 public:
  DiskConversationStore(Path file, std::chrono::seconds ttl, std::function<int64_t()> now_micros, FileLock lock)
      : file_(std::move(file)), now_micros_(std::move(now_micros)), lock_(std::move(lock)) {
    SetTtl(ttl);
  }

  Status OpenFile() {
    Status status = TryOpenFile();
    if (status || status.error().code != ErrorCode::kCorrupt) return status;
    return Replace(status.error());
  }

  Result<std::optional<std::string>> Load(std::string_view session_id) override {
    std::lock_guard lock(mutex_);
    const std::string id = Id(session_id);
    return WithRepair<std::optional<std::string>>([&] { return Read(id); });
  }

  Status Save(std::string_view session_id, std::string_view state) override {
    if (state.size() > kMaxStateBytes) {
      return Err(ErrorCode::kTooLarge, "the state of a conversation has {} bytes, the limit is {}", state.size(),
                 kMaxStateBytes);
    }
    std::lock_guard lock(mutex_);
    const std::string id = Id(session_id);
    return WithRepair<void>([&] { return Write(id, state); });
  }

  Status Erase(std::string_view session_id) override {
    std::lock_guard lock(mutex_);
    const std::string id = Id(session_id);
    return WithRepair<void>([&] { return erase_.Bind(1, id).Run(); });
  }

  void SetTtl(std::chrono::seconds ttl) override {
    std::lock_guard lock(mutex_);
    ttl_us_ = std::chrono::duration_cast<std::chrono::microseconds>(ttl).count();
    longest_ttl_us_ = std::max(longest_ttl_us_, ttl_us_);
  }

 private:
  static std::string Id(std::string_view session_id) {
    const Sha256Digest digest = Sha256Of(session_id);
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
  }

  static std::string Checksum(std::string_view id, int64_t expires, std::string_view state) {
    return RowChecksum({id, {reinterpret_cast<const char*>(&expires), sizeof expires}, state});
  }

  // A file that turns out to be corrupt is replaced and the call made again, once: on an empty one.
  template <typename T, typename Call>
  Result<T> WithRepair(const Call& call) {
    if (!connection_) BANTAM_RETURN_IF_ERROR(OpenFile());
    Result<T> result = call();
    if (result || result.error().code != ErrorCode::kCorrupt) return result;
    BANTAM_RETURN_IF_ERROR(Replace(result.error()));
    return call();
  }

  Status Replace(const Error& why) {
    CloseFile();
    BANTAM_RETURN_IF_ERROR(MoveSqliteAside(file_, why.message));
    return TryOpenFile();
  }

  void CloseFile() {
    for (SqliteStatement* statement : {&load_, &save_, &erase_, &purge_}) *statement = SqliteStatement();
    connection_.reset();
  }

  Status TryOpenFile() {
    BANTAM_TRY(SqliteConnection connection, SqliteConnection::OpenWriter(file_, kSchema));
    connection_.emplace(std::move(connection));
    Status status = Prepare();
    if (!status) CloseFile();
    return status;
  }

  Status Prepare() {
    BANTAM_TRY(load_, connection_->Prepare("SELECT expires, checksum, state FROM sessions WHERE id = ?1"));
    BANTAM_TRY(save_, connection_->Prepare(
                          "INSERT OR REPLACE INTO sessions(id, expires, checksum, state) VALUES(?1, ?2, ?3, ?4)"));
    BANTAM_TRY(erase_, connection_->Prepare("DELETE FROM sessions WHERE id = ?1"));
    BANTAM_TRY(purge_, connection_->Prepare(
                           "DELETE FROM sessions WHERE expires <= ?1 OR id IN (SELECT id FROM sessions ORDER BY "
                           "expires LIMIT max(0, (SELECT count(*) FROM sessions) - ?2))"));
    return purge_.Bind(1, now_micros_()).Bind(2, kMaxSessions).Run();
  }

  Result<std::optional<std::string>> Read(const std::string& id) {
    const auto found = load_.Bind(1, id).Step();
    std::optional<std::string> state;
    bool bad = false;
    if (found && *found) {
      const int64_t expires = load_.Int(0);
      const int64_t now = now_micros_();
      state = std::string(load_.Blob(2));
      bad = load_.Blob(1) != Checksum(id, expires, *state);
      // Further in the future than any Save made it: the clock was set back.
      if (bad || expires <= now || expires > now + longest_ttl_us_ * 2) state.reset();
    }
    load_.Reset();
    if (!found) return found.error();
    if (bad) BANTAM_RETURN_IF_ERROR(erase_.Bind(1, id).Run());
    return state;
  }

  Status Write(const std::string& id, std::string_view state) {
    const int64_t expires = now_micros_() + ttl_us_;
    const std::string checksum = Checksum(id, expires, state);
    BANTAM_RETURN_IF_ERROR(save_.Bind(1, id).Bind(2, expires).Bind(3, checksum).Bind(4, state).Run());
    if (++saves_ % kPurgeEvery == 0) BANTAM_RETURN_IF_ERROR(purge_.Bind(1, now_micros_()).Bind(2, kMaxSessions).Run());
    if (connection_->wal_pages() >= kCheckpointPages) BANTAM_RETURN_IF_ERROR(connection_->Checkpoint());
    return Ok();
  }

  const Path file_;
  const std::function<int64_t()> now_micros_;
  const FileLock lock_;
  std::mutex mutex_;  // guards the following
  std::optional<SqliteConnection> connection_;
  SqliteStatement load_, save_, erase_, purge_;
  int saves_ = 0;
  int64_t ttl_us_ = 0, longest_ttl_us_ = 0;  // longest: that any Save of ours may have used
};

Result<FileLock> LockConversations(const Path& file) {
  return FileLock::Acquire(file.string() + ".lock", fmt::format("the conversations {}", file.string()));
}

}  // namespace

Result<std::unique_ptr<ConversationStore>> ConversationStore::Open(const Path& file, std::chrono::seconds ttl,
                                                                   std::function<int64_t()> now_micros) {
  BANTAM_TRY(FileLock lock, LockConversations(file));
  auto store = std::make_unique<DiskConversationStore>(file, ttl, std::move(now_micros), std::move(lock));
  BANTAM_RETURN_IF_ERROR(store->OpenFile());
  return store;
}

Status ForgetConversations(const Path& file, const std::set<std::string>& session_hashes) {
  BANTAM_TRY(const FileLock lock, LockConversations(file));
  BANTAM_TRY(SqliteConnection connection, SqliteConnection::OpenWriter(file, kSchema));
  {
    BANTAM_TRY(SqliteStatement remove,
               connection.Prepare("DELETE FROM sessions WHERE lower(hex(id)) = CAST(?1 AS TEXT)"));
    for (const std::string& hash : session_hashes) BANTAM_RETURN_IF_ERROR(remove.Bind(1, hash).Run());
  }
  return connection.Scrub();
}

}  // namespace bantam
