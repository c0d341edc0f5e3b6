#include "route/cache_admin.h"

#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/clock.h"
#include "base/text_util.h"
#include "route/file_lock.h"
#include "route/redis/cache_redis.h"
#include "route/result_cache.h"
#include "route/sqlite_file.h"

namespace bantam {

Result<CacheFileInfo> InspectCache(const Path& cache_file) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(cache_file, missing);
  if (missing) return ErrnoError("read the cache", cache_file, missing.value());
  CacheFileInfo info;
  info.file_bytes = static_cast<int64_t>(size);
  // Where a server holds the cache open, most of it may still lie in the write-ahead log.
  for (const char* suffix : {"-wal", "-shm"}) {
    std::error_code none;
    const auto more = std::filesystem::file_size(cache_file.string() + suffix, none);
    if (!none) info.file_bytes += static_cast<int64_t>(more);
  }
  if (size == 0) return info;  // made, and nothing committed yet
  BANTAM_TRY(SqliteConnection reader, SqliteConnection::OpenReader(cache_file));
  BANTAM_TRY(info.entries, reader.Number("SELECT count(*) FROM entries"));
  BANTAM_TRY(info.value_bytes, reader.Number("SELECT sum(length(value)) FROM entries"));
  BANTAM_TRY(info.oldest_us, reader.Number("SELECT min(created) FROM entries"));
  BANTAM_TRY(info.newest_us, reader.Number("SELECT max(created) FROM entries"));
  const auto counter = [&](const std::string& name) {
    return reader.Number(fmt::format("SELECT value FROM counters WHERE name = '{}'", name));
  };
  BANTAM_TRY(info.hits, counter("hits"));
  BANTAM_TRY(info.misses, counter("misses"));
  BANTAM_TRY(info.stores, counter("stores"));
  BANTAM_TRY(info.evictions, counter("evictions"));
  BANTAM_TRY(info.expired, counter("expired"));
  BANTAM_TRY(const int64_t of_this_version,
             reader.Number("SELECT count(*) FROM sqlite_master WHERE name = 'questions'"));
  if (of_this_version == 0) return info;  // a server of this version has not been here yet
  BANTAM_TRY(info.questions, reader.Number("SELECT count(*) FROM questions"));
  BANTAM_TRY(const int64_t route_file, counter(kEstimateFile));
  const EstimateCounters estimate = EstimateNames(route_file);
  BANTAM_TRY(const int64_t audited, counter(estimate.audited));
  BANTAM_TRY(const int64_t wrong, counter(estimate.wrong));
  info.wrong_hits = EstimateWrongHits(audited, wrong);
  BANTAM_TRY(SqliteStatement epochs,
             reader.Prepare("SELECT epoch, count(*) FROM entries GROUP BY epoch ORDER BY epoch"));
  while (true) {
    BANTAM_TRY(const bool found, epochs.Step());
    if (!found) return info;
    info.epochs[std::string(epochs.Blob(0))] = epochs.Int(1);
  }
}

Result<CacheFileInfo> InspectCache(const RedisAddress& server, const std::string& assistant) {
  BANTAM_TRY(const auto store, CacheRedis::Open(server, assistant));
  BANTAM_TRY(CacheRedis::Summary summary, store->Summarize());
  BANTAM_TRY(auto counters, store->Counters());
  const EstimateCounters estimate = EstimateNames(counters[kEstimateFile]);
  return CacheFileInfo{.entries = summary.entries,
                       .value_bytes = summary.value_bytes,
                       .file_bytes = 0,
                       .oldest_us = summary.oldest_us,
                       .newest_us = summary.newest_us,
                       .hits = counters["hits"],
                       .misses = counters["misses"],
                       .stores = counters["stores"],
                       .evictions = counters["evictions"],
                       .expired = counters["expired"],
                       .questions = summary.questions,
                       .wrong_hits = EstimateWrongHits(counters[estimate.audited], counters[estimate.wrong]),
                       .epochs = std::move(summary.epochs)};
}

Status FlushCache(const RedisAddress& server, const std::string& assistant, const std::optional<std::string>& epoch) {
  // By itself first, for its errors: a cache only warns of them.
  BANTAM_TRY(const auto reachable, CacheRedis::Open(server, assistant));
  const auto cache = ResultCache::OpenShared(server, assistant, {.own_thread = false});
  return epoch ? cache->FlushEpoch(*epoch) : cache->Flush();
}

Result<CacheFlush> FlushCache(const Path& cache_file, std::chrono::milliseconds patience,
                              const std::optional<std::string>& epoch) {
  if (::access(cache_file.c_str(), F_OK) != 0) return ErrnoError("flush the cache", cache_file, errno);
  auto cache = ResultCache::Open(cache_file, {});
  if (cache) {
    if (!(*cache)->Stats().on_disk) {
      return Err(ErrorCode::kUnavailable, "cannot flush {}: it cannot be opened for writing",
                 EscapeForTerminal(cache_file.string(), 400));
    }
    BANTAM_RETURN_IF_ERROR(epoch ? (*cache)->FlushEpoch(*epoch) : (*cache)->Flush());
    return CacheFlush{};
  }
  if (cache.error().code != ErrorCode::kConflict) return cache.error();
  const Path marker = cache_file.string() + ".flush";
  const int holder = FileLock::Holder(cache_file.string() + ".lock");
  BANTAM_RETURN_IF_ERROR(WriteFileAtomic(marker, epoch.value_or("")));
  const MonotonicTime start = MonotonicNow();
  while (::access(marker.c_str(), F_OK) == 0) {
    if (MonotonicNow() - start > patience) {
      ::unlink(marker.c_str());
      return Err(ErrorCode::kUnavailable,
                 "process {} uses the cache {} and did not flush it within {} s; try again, or stop it first", holder,
                 EscapeForTerminal(cache_file.string(), 400),
                 std::chrono::duration_cast<std::chrono::seconds>(patience).count());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return CacheFlush{holder};
}

}  // namespace bantam
