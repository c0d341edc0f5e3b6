#include "tasks/embedding_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "engine/hash_ids.h"

namespace bantam {
namespace {
constexpr size_t kMostShards = 16;
constexpr size_t kLeastShardBytes = size_t{1} << 20;
constexpr size_t kFirstBuckets = 256;
}  // namespace

// One block of memory: this, the vector, the ids.
struct EmbeddingCache::Entry {
  Entry* next_in_bucket;
  Entry* older;
  Entry* newer;
  uint64_t hash;
  uint32_t space, num_ids, num_values;

  float* values() { return reinterpret_cast<float*>(this + 1); }
  int32_t* ids() { return reinterpret_cast<int32_t*>(values() + num_values); }
  static size_t BytesFor(size_t num_ids, size_t num_values) {
    return sizeof(Entry) + num_values * sizeof(float) + num_ids * sizeof(int32_t);
  }
  // What the entry costs, with the allocator's own and its share of the buckets.
  size_t cost() const { return BytesFor(num_ids, num_values) + 16 + 2 * sizeof(Entry*); }
  bool Is(uint64_t other_hash, uint32_t other_space, std::span<const int32_t> other_ids) {
    return hash == other_hash && space == other_space &&
           std::ranges::equal(std::span<const int32_t>(ids(), num_ids), other_ids);
  }
};

struct EmbeddingCache::Shard {
  mutable std::mutex mutex;
  size_t max_bytes = 0;
  std::vector<Entry*> buckets = std::vector<Entry*>(kFirstBuckets);  // a power of two
  Entry* newest = nullptr;
  Entry* oldest = nullptr;
  size_t entries = 0, bytes = 0;
  uint64_t hits = 0, misses = 0, evictions = 0;

  ~Shard() {
    while (oldest != nullptr) Remove(*oldest);
  }

  // The lowest bits chose the shard.
  Entry*& Bucket(uint64_t hash) { return buckets[(hash >> 8) & (buckets.size() - 1)]; }

  Entry* Lookup(uint64_t hash, uint32_t space, std::span<const int32_t> ids) {
    Entry* entry = Bucket(hash);
    while (entry != nullptr && !entry->Is(hash, space, ids)) entry = entry->next_in_bucket;
    return entry;
  }

  void PutInFront(Entry& entry) {
    entry.newer = nullptr;
    entry.older = newest;
    (newest == nullptr ? oldest : newest->newer) = &entry;
    newest = &entry;
  }

  void Unlink(Entry& entry) {
    (entry.newer == nullptr ? newest : entry.newer->older) = entry.older;
    (entry.older == nullptr ? oldest : entry.older->newer) = entry.newer;
  }

  void Remove(Entry& entry) {
    Unlink(entry);
    Entry** at = &Bucket(entry.hash);
    while (*at != &entry) at = &(*at)->next_in_bucket;
    *at = entry.next_in_bucket;
    --entries;
    bytes -= entry.cost();
    ::operator delete(&entry);
  }

  void Add(Entry& entry) {
    if (entries >= buckets.size()) Rehash();
    entry.next_in_bucket = std::exchange(Bucket(entry.hash), &entry);
    PutInFront(entry);
    ++entries;
    bytes += entry.cost();
  }

  void Rehash() {
    std::vector<Entry*> larger(2 * buckets.size());
    buckets.swap(larger);
    for (Entry* first : larger) {
      while (first != nullptr) {
        Entry* const entry = std::exchange(first, first->next_in_bucket);
        entry->next_in_bucket = std::exchange(Bucket(entry->hash), entry);
      }
    }
  }
};

EmbeddingCache::EmbeddingCache(size_t max_bytes) : seed_(RandomSeed()), max_bytes_(max_bytes) {
  const size_t shards = std::bit_floor(std::clamp<size_t>(max_bytes / kLeastShardBytes, 1, kMostShards));
  for (size_t i = 0; i < shards; ++i) {
    shards_.push_back(std::make_unique<Shard>());
    shards_.back()->max_bytes = max_bytes / shards;
  }
}

EmbeddingCache::~EmbeddingCache() = default;

uint32_t EmbeddingCache::SpaceOf(const std::string& name) {
  std::lock_guard lock(spaces_mutex_);
  const auto found = std::find(spaces_.begin(), spaces_.end(), name);
  const auto number = static_cast<uint32_t>(found - spaces_.begin());
  if (found == spaces_.end()) spaces_.push_back(name);
  return number;
}

uint64_t EmbeddingCache::HashOf(uint32_t space, std::span<const int32_t> ids) const {
  return HashIds(ids, seed_ + space);
}

EmbeddingCache::Shard& EmbeddingCache::ShardOf(uint64_t hash) const { return *shards_[hash & (shards_.size() - 1)]; }

bool EmbeddingCache::Find(uint32_t space, std::span<const int32_t> ids, std::span<float> out) {
  const uint64_t hash = HashOf(space, ids);
  Shard& shard = ShardOf(hash);
  std::lock_guard lock(shard.mutex);
  Entry* entry = shard.Lookup(hash, space, ids);
  if (entry == nullptr || entry->num_values != out.size()) {
    ++shard.misses;
    return false;
  }
  std::memcpy(out.data(), entry->values(), out.size_bytes());
  if (shard.newest != entry) {
    shard.Unlink(*entry);
    shard.PutInFront(*entry);
  }
  ++shard.hits;
  return true;
}

void EmbeddingCache::Insert(uint32_t space, std::span<const int32_t> ids, std::span<const float> vector) {
  const uint64_t hash = HashOf(space, ids);
  Shard& shard = ShardOf(hash);
  void* const memory = ::operator new(Entry::BytesFor(ids.size(), vector.size()), std::nothrow);
  if (memory == nullptr) return;
  auto* const entry = new (memory) Entry{.next_in_bucket = nullptr,
                                         .older = nullptr,
                                         .newer = nullptr,
                                         .hash = hash,
                                         .space = space,
                                         .num_ids = static_cast<uint32_t>(ids.size()),
                                         .num_values = static_cast<uint32_t>(vector.size())};
  std::ranges::copy(vector, entry->values());
  std::ranges::copy(ids, entry->ids());
  std::lock_guard lock(shard.mutex);
  if (entry->cost() > shard.max_bytes || shard.Lookup(hash, space, ids) != nullptr) {
    ::operator delete(memory);
    return;
  }
  while (shard.bytes + entry->cost() > shard.max_bytes) {
    shard.Remove(*shard.oldest);
    ++shard.evictions;
  }
  shard.Add(*entry);
}

EmbeddingCacheStats EmbeddingCache::Stats() const {
  EmbeddingCacheStats stats;
  stats.max_bytes = max_bytes_;
  for (const auto& shard : shards_) {
    std::lock_guard lock(shard->mutex);
    stats.hits += shard->hits;
    stats.misses += shard->misses;
    stats.evictions += shard->evictions;
    stats.entries += shard->entries;
    stats.bytes += shard->bytes;
  }
  return stats;
}

}  // namespace bantam
