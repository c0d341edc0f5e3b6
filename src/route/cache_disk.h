// The part of the result cache that is on disk. Private to result_cache.cc and cache_admin.cc.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/sha256.h"
#include "route/file_lock.h"
#include "route/sqlite_file.h"

namespace bantam {

// A question that is found by its vector, as the disk keeps it.
struct StoredQuestion {
  Sha256Digest key{}, partition{};
  std::string question, route, vector;  // vector: as SimilarQuestions packs it
};

struct CacheLimits {
  size_t max_entries = 0, max_bytes = 0;
};

class CacheDisk {
 public:
  // kConflict when another process holds the lock; else as SqliteConnection::OpenWriter.
  static Result<std::unique_ptr<CacheDisk>> Open(const Path& file);

  struct Row {
    std::string value;
    int64_t created_us = 0, used_us = 0;
    bool bad = false;  // failed its checksum: the value is empty
  };

  // The reader's side: one thread at a time, beside the writer.
  Result<std::optional<Row>> Find(const Sha256Digest& key);

  // The writer's side: one thread. Each is one transaction. Keys are those of entries that are gone then.
  struct NewEntry {
    const Sha256Digest& key;
    std::string_view value, epoch;
    const StoredQuestion* question = nullptr;
  };
  Result<std::vector<Sha256Digest>> Write(const NewEntry& entry, int64_t now_us, const CacheLimits& limits);
  Status Touch(const std::vector<Sha256Digest>& keys, int64_t now_us);
  Status Remove(const Sha256Digest& key, int64_t created_us);
  Result<std::vector<Sha256Digest>> RemoveCreatedBefore(int64_t time_us);
  Result<std::vector<Sha256Digest>> RemoveEpoch(const std::string& epoch);
  Status Clear();
  Status AddToCounters(const std::map<std::string, int64_t>& increments);
  Status SetCounters(const std::map<std::string, int64_t>& values);
  Status CheckpointIfLarge();
  // What lies there when it is opened. Questions that fail their checksum are left out.
  Result<std::map<std::string, int64_t>> Counters();
  Status ReadQuestions(const std::function<void(StoredQuestion)>& visit);

  // What is committed, so what Find sees; from any thread.
  int64_t entries() const { return visible_entries_; }
  int64_t bytes() const { return visible_bytes_; }  // of values

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

}  // namespace bantam
