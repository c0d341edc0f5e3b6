// Answers to questions asked before: SQLite on disk, or a Redis that several processes share, behind a bounded map in
// memory. An entry is found only under the same full key; everything that could change the answer is in the key. An
// entry that was stored with a vector is found as well by questions that are like it, among those of its partition
// alone: whoever asks judges whether they are the same.
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
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/sha256.h"

namespace bantam {

struct RedisAddress;  // route/redis/redis_connection.h

struct CacheOptions {
  std::chrono::seconds ttl{24 * 3600};
  size_t max_entries = 50'000;
  size_t max_bytes = size_t{256} << 20;  // of values, on disk; a Redis has its own limit, maxmemory
  size_t memory_entries = 4'096;
  size_t memory_bytes = size_t{32} << 20;
  std::chrono::milliseconds disk_retry{10'000};      // at most, after the file or the Redis could not be opened
  std::function<int64_t()> now_micros = WallMicros;  // another clock, for tests
  bool own_thread = true;                            // false: Store writes before it returns, and no thread is started
  std::string epoch = {};                            // noted with every entry, for FlushEpoch
};

// Since the process began, except entries and bytes, which are what there is; of a Redis the bytes are not known (0).
struct CacheStats {
  uint64_t entries = 0, bytes = 0, hits = 0, misses = 0, memory_hits = 0, stores = 0, evictions = 0, expired = 0;
  uint64_t skipped = 0;   // stores that stayed in memory only: the disk or Redis was full, read-only, too slow or gone
  uint64_t bad_rows = 0;  // rows that failed their checksum: never returned, removed
  uint64_t disk_errors = 0;  // of the Redis, where there is one
  bool on_disk = true;       // or in the Redis; false: in memory only
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

// How an answer is found by other words than its own.
struct SimilarKey {
  Sha256Digest partition{};          // of everything that could change the answer but the question: see answer_codec.h
  std::string_view question, route;  // as they are given back
  std::span<const float> vector;     // of the question
};
struct SimilarQuestion {
  Sha256Digest key{};
  std::string question, route;
  float similarity = 0;  // cosine
};

// Thread-safe. A background thread (without own_thread: whoever stores) owns the one writing connection (see
// sqlite_file.h). At most one store is on its way to the disk at any time, so a kill loses at most that one; a store
// waits for the one before it, and when that takes longer than 250 ms stays in memory only. A corrupt or foreign file
// is moved aside to *.corrupt-TIME and a new one begun; a disk that is full or read-only turns storing off, with one
// warning a minute, and lookups go on; it is tried again, so that nothing has to be restarted when there is space.
// Values above 256 KiB are not kept.
//
// A Redis never holds anybody up for more than a few milliseconds: what is not answered by then is not there, the
// connection is closed, and until another one works everything goes on in memory. Stores are on their way together, and
// a kill may lose those. Flushes and new questions of other processes are seen within a second.
class ResultCache {
 public:
  // kConflict when another process has it open; no trouble of the disk is an error.
  static Result<std::unique_ptr<ResultCache>> Open(const Path& file, const CacheOptions& options);
  // `name` separates what several assistants keep in one Redis. One that cannot be reached is warned of and tried
  // again.
  static std::unique_ptr<ResultCache> OpenShared(const RedisAddress& address, const std::string& name,
                                                 const CacheOptions& options);
  static std::unique_ptr<ResultCache> InMemory(const CacheOptions& options);
  virtual ~ResultCache() = default;
  virtual std::optional<std::string> Find(const Sha256Digest& key) = 0;  // the stored value, checksum verified
  // The same from memory alone, which waits for no disk. One that is not there is not counted as a miss.
  virtual std::optional<std::string> FindInMemory(const Sha256Digest& key) = 0;
  void Store(const Sha256Digest& key, std::string_view value) { StoreSimilar(key, value, nullptr); }
  // `similar` may be null.
  virtual void StoreSimilar(const Sha256Digest& key, std::string_view value, const SimilarKey* similar) = 0;
  // The nearest stored questions of the partition, best first, at most kMostSimilar. Their answers may be gone
  // meanwhile.
  static constexpr size_t kMostSimilar = 4;
  virtual std::vector<SimilarQuestion> FindSimilar(const Sha256Digest& partition, std::span<const float> vector,
                                                   float least_similarity) = 0;
  virtual Status Flush() = 0;                               // forgets everything, counters of SetCounter included
  virtual Status FlushEpoch(const std::string& epoch) = 0;  // what was stored under it
  // Numbers that whoever uses the cache keeps with it; 0 when never set. In the store within seconds, where those that
  // several processes add to are added up.
  virtual int64_t Counter(const std::string& name) const = 0;
  virtual void SetCounter(const std::string& name, int64_t value) = 0;
  virtual void AddToCounter(const std::string& name, int64_t increment) = 0;
  virtual CacheStats Stats() const = 0;
  // What a changed route file may say anew, from now on; all other options stay.
  virtual void SetLimits(const CacheOptions& options) = 0;
};

}  // namespace bantam
