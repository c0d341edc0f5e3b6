// Embeddings of texts that were seen before, bounded in bytes, least recently used out first. Exact: a vector is found
// by all of its token ids, never by a hash alone, and is the one that was computed, bit by bit.
//
//   EmbeddingCache cache(64 << 20);
//   const uint32_t space = cache.SpaceOf("sha256 of the weights, dtype, pooling");
//   if (!cache.Find(space, ids, out)) { ... cache.Insert(space, ids, computed); }
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace bantam {

struct EmbeddingCacheStats {
  uint64_t hits = 0, misses = 0, evictions = 0;
  size_t entries = 0, bytes = 0, max_bytes = 0;
};

// Thread-safe: the table is cut into shards, each with a lock that is held for one lookup and one copy of a vector.
class EmbeddingCache {
 public:
  explicit EmbeddingCache(size_t max_bytes);
  ~EmbeddingCache();
  EmbeddingCache(const EmbeddingCache&) = delete;
  EmbeddingCache& operator=(const EmbeddingCache&) = delete;

  // The number for everything beside the tokens that decides a vector. Equal names get equal numbers.
  uint32_t SpaceOf(const std::string& name);
  // Copies the vector to `out` if it is there.
  bool Find(uint32_t space, std::span<const int32_t> ids, std::span<float> out);
  // Keeps a copy; does nothing when it is there already, larger than the cache, or memory is short.
  void Insert(uint32_t space, std::span<const int32_t> ids, std::span<const float> vector);
  EmbeddingCacheStats Stats() const;

 private:
  struct Entry;
  struct Shard;
  uint64_t HashOf(uint32_t space, std::span<const int32_t> ids) const;
  Shard& ShardOf(uint64_t hash) const;

  const uint64_t seed_;
  const size_t max_bytes_;
  std::vector<std::unique_ptr<Shard>> shards_;  // a power of two
  std::mutex spaces_mutex_;
  std::vector<std::string> spaces_;
};

}  // namespace bantam
