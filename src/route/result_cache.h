// Exact answers to questions asked before: SQLite on disk behind a bounded map in memory. An entry is found only under
// the same full key; everything that could change the answer is in the key.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/sha256.h"

namespace bantam {

struct CacheOptions {
  std::chrono::seconds ttl{24 * 3600};
  size_t max_entries = 50'000;
  size_t memory_entries = 4'096;
};

struct CacheStats {
  uint64_t entries = 0, bytes = 0, hits = 0, misses = 0, memory_hits = 0, stores = 0, evictions = 0, expired = 0;
};

// Case-folded, whitespace-collapsed, trailing punctuation dropped; never changes digits, words or their order.
std::string NormalizeQuestion(std::string_view text);

// Hashes length-prefixed fields, so that no two different lists of fields collide.
class CacheKey {
 public:
  CacheKey& Add(std::string_view field);
  Sha256Digest Finish();
};

// Thread-safe. One writing connection (Debian's SQLite 3.40.1 can corrupt a WAL file written by two). A corrupt or foreign
// file is moved aside to *.corrupt-TIME and a new one begun; a disk that is full or read-only turns storing off with one
// warning a minute, and lookups go on.
class ResultCache {
 public:
  static Result<std::unique_ptr<ResultCache>> Open(const Path& file, const CacheOptions& options);
  virtual ~ResultCache() = default;
  virtual std::optional<std::string> Find(const Sha256Digest& key) = 0;           // the stored value, checksum verified
  virtual void Store(const Sha256Digest& key, std::string_view value) = 0;
  virtual Status Flush() = 0;                                                      // forgets everything
  virtual CacheStats Stats() const = 0;
};

}  // namespace bantam
