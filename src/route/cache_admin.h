// For `bantam cache`: looks at and empties the cache of an assistant, whether or not a server is running on it.
#pragma once

#include <chrono>

#include "base/file_io.h"
#include "route/redis/redis_connection.h"
#include "route/semantic_cache.h"

namespace bantam {

struct CacheFileInfo {
  int64_t entries = 0, value_bytes = 0, file_bytes = 0;
  int64_t oldest_us = 0, newest_us = 0;  // wall clock; 0 when empty
  // Since the file was made; a running server adds its own every five seconds.
  int64_t hits = 0, misses = 0, stores = 0, evictions = 0, expired = 0;
  // Of the semantic cache: questions that are found by other words, and what is known of its wrong hits.
  int64_t questions = 0;
  WrongHitEstimate wrong_hits = {};
  std::map<std::string, int64_t> epochs = {};  // entries by the cache_epoch they were stored under
};

// Reads only, through a connection that cannot write or checkpoint: safe beside a running server.
Result<CacheFileInfo> InspectCache(const Path& cache_file);
// Of a Redis, whose size as a file is not known (0).
Result<CacheFileInfo> InspectCache(const RedisAddress& server, const std::string& assistant);

struct CacheFlush {
  int by_process = 0;  // the running server that did it; 0: we did
};

// With no server running, empties the file. With one, asks it (by making cache.db.flush, which it looks for every
// second) and waits at most `patience`. `epoch`: only what was stored under it.
Result<CacheFlush> FlushCache(const Path& cache_file, std::chrono::milliseconds patience,
                              const std::optional<std::string>& epoch = {});
// In a Redis; the servers that share it forget within a second.
Status FlushCache(const RedisAddress& server, const std::string& assistant, const std::optional<std::string>& epoch);

}  // namespace bantam
