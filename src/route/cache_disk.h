// The part of the result cache that is on disk. Private to result_cache.cc and cache_admin.cc.
#pragma once

#include <atomic>

#include "route/cache_store.h"
#include "route/file_lock.h"
#include "route/sqlite_file.h"

namespace bantam {

// Each call of the writer's side is one transaction.
class CacheDisk final : public CacheStore {
 public:
  // kConflict when another process holds the lock; else as SqliteConnection::OpenWriter.
  static Result<std::unique_ptr<CacheDisk>> Open(const Path& file);

  Result<std::optional<Row>> Find(const Sha256Digest& key) override;
  Result<std::vector<Sha256Digest>> Write(const NewEntry& entry, int64_t now_us, const CacheLimits& limits) override;
  Status Touch(const std::vector<Sha256Digest>& keys, int64_t now_us) override;
  Status Remove(const Sha256Digest& key, int64_t created_us) override;
  Result<std::vector<Sha256Digest>> RemoveCreatedBefore(int64_t time_us) override;
  Result<std::vector<Sha256Digest>> RemoveEpoch(const std::string& epoch) override;
  Status Clear() override;
  Status AddToCounters(const std::map<std::string, int64_t>& increments) override;
  Status SetCounters(const std::map<std::string, int64_t>& values) override;
  Status Tidy() override;  // a checkpoint, when the write-ahead log is large
  Result<std::map<std::string, int64_t>> Counters() override;
  Status ReadQuestions(const std::function<void(StoredQuestion)>& visit) override;
  bool Lost(const Error& error) const override { return error.code == ErrorCode::kCorrupt; }
  int64_t entries() const override { return visible_entries_; }
  int64_t bytes() const override { return visible_bytes_; }

 private:
  CacheDisk(SqliteConnection writer, SqliteConnection reader)
      : writer_(std::move(writer)), reader_(std::move(reader)) {}
  static Result<std::unique_ptr<CacheDisk>> OpenLocked(const Path& file);
  Status Prepare();
  Status Transaction(const std::function<Status()>& body);
  Status Count();
  Result<std::vector<Sha256Digest>> Evict(const CacheLimits& limits);
  Result<std::vector<Sha256Digest>> DeleteReturningKeys(SqliteStatement& statement);
  void PublishCounts();

  std::optional<FileLock> lock_;  // released last
  SqliteConnection writer_;
  SqliteConnection reader_;  // closed before the writer, which then checkpoints
  SqliteStatement find_, size_of_, insert_, insert_question_, touch_, remove_, oldest_, evict_;
  int64_t entries_ = 0, bytes_ = 0;  // of the writer's side, within a transaction too
  std::atomic<int64_t> visible_entries_ = 0, visible_bytes_ = 0;
};

// A cache's file. A broken one is moved aside; `bantam cache flush` asks a running server by a file beside it.
class CacheFile final : public CachePlace {
 public:
  explicit CacheFile(Path file) : file_(std::move(file)) {}
  Result<std::unique_ptr<CacheStore>> Open() override;
  bool PutAside(const Error& error) override;
  std::string name() const override;
  std::string flush_marker() const override { return file_.string() + ".flush"; }
  // One, so that a kill loses at most that one.
  size_t most_waiting() const override { return 1; }
  std::chrono::milliseconds store_wait() const override { return std::chrono::milliseconds(250); }
  std::chrono::milliseconds first_retry() const override { return std::chrono::hours(1); }

 private:
  const Path file_;
};

}  // namespace bantam
