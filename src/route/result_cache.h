// Exact answers to questions asked before: SQLite on disk behind a bounded map in memory. An entry is found only under
// the same full key; everything that could change the answer is in the key.
//
//   BANTAM_TRY(auto cache, ResultCache::Open(StateFiles(folder).cache, {}));
//   const Sha256Digest key = CacheKey().Add(file.sha256).Add(tenant).Add(NormalizeQuestion(question)).Finish();
//   if (auto answer = cache->Find(key)) return *answer;
//   cache->Store(key, answer);
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/sha256.h"

namespace bantam {

struct CacheOptions {
  std::chrono::seconds ttl{24 * 3600};
  size_t max_entries = 50'000;
  size_t max_bytes = size_t{256} << 20;  // of values, on disk
  size_t memory_entries = 4'096;
  size_t memory_bytes = size_t{32} << 20;
  std::chrono::milliseconds disk_retry{10'000};      // after the file could not be opened
  std::function<int64_t()> now_micros = WallMicros;  // another clock, for tests
  bool own_thread = true;                            // false: Store writes before it returns, and no thread is started
};

// Since the process began, except entries and bytes, which are what there is.
struct CacheStats {
  uint64_t entries = 0, bytes = 0, hits = 0, misses = 0, memory_hits = 0, stores = 0, evictions = 0, expired = 0;
  uint64_t skipped = 0;   // stores that stayed in memory only, because the disk was full, read-only or too slow
  uint64_t bad_rows = 0;  // rows that failed their checksum: never returned, removed
  uint64_t disk_errors = 0;
  bool on_disk = true;  // false: memory only for now
};

// For the same question in other clothes. Folded: upper case (ASCII, Latin-1, Latin Extended-A, Greek, Cyrillic), runs
// of white space (one space, none at the ends), typographic apostrophes ('), full stops, question and exclamation marks
// at the end. Nothing else: digits, words and their order never change. Bytes that are not UTF-8 stay. Idempotent.
std::string NormalizeQuestion(std::string_view text);

// Hashes length-prefixed fields, so that no two different lists of fields collide.
class CacheKey {
 public:
  CacheKey& Add(std::string_view field);
  Sha256Digest Finish();

 private:
  Sha256 hash_;
};

// Thread-safe. A background thread (without own_thread: whoever stores) owns the one writing connection (see
// sqlite_file.h). At most one store is on its way to the disk at any time, so a kill loses at most that one; a store
// waits for the one before it, and when that takes longer than 250 ms stays in memory only. A corrupt or foreign file
// is moved aside to *.corrupt-TIME and a new one begun; a disk that is full or read-only turns storing off, with one
// warning a minute, and lookups go on; it is tried again, so that nothing has to be restarted when there is space.
// Values above 256 KiB are not kept.
class ResultCache {
 public:
  // kConflict when another process has it open; no trouble of the disk is an error.
  static Result<std::unique_ptr<ResultCache>> Open(const Path& file, const CacheOptions& options);
  virtual ~ResultCache() = default;
  virtual std::optional<std::string> Find(const Sha256Digest& key) = 0;  // the stored value, checksum verified
  virtual void Store(const Sha256Digest& key, std::string_view value) = 0;
  virtual Status Flush() = 0;  // forgets everything
  virtual CacheStats Stats() const = 0;
  // What a changed route file may say anew, from now on; all other options stay.
  virtual void SetLimits(std::chrono::seconds ttl, size_t max_entries) = 0;
};

}  // namespace bantam
