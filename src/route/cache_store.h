// Where a result cache keeps its entries beside its memory: a file of this machine (cache_disk.h) or a Redis that
// several processes share (redis/cache_redis.h). Private to result_cache.cc and cache_admin.cc.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/sha256.h"

namespace bantam {

// A question that is found by its vector, as a store keeps it.
struct StoredQuestion {
  Sha256Digest key{}, partition{};
  std::string question, route, vector;  // vector: as SimilarQuestions packs it
};

struct CacheLimits {
  size_t max_entries = 0, max_bytes = 0;
  std::chrono::microseconds ttl{0};
};

class CacheStore {
 public:
  virtual ~CacheStore() = default;

  struct Row {
    std::string value;
    int64_t created_us = 0, used_us = 0;
    bool bad = false;  // not what was stored under this key: the value is empty
  };
  // The reader's side: one thread at a time, beside the writer.
  virtual Result<std::optional<Row>> Find(const Sha256Digest& key) = 0;

  // The writer's side: one thread. Keys are those of entries that are gone then.
  struct NewEntry {
    const Sha256Digest& key;
    std::string_view value, epoch;
    const StoredQuestion* question = nullptr;
  };
  virtual Result<std::vector<Sha256Digest>> Write(const NewEntry& entry, int64_t now_us, const CacheLimits& limits) = 0;
  virtual Status Touch(const std::vector<Sha256Digest>& keys, int64_t now_us) = 0;
  virtual Status Remove(const Sha256Digest& key, int64_t created_us) = 0;
  virtual Result<std::vector<Sha256Digest>> RemoveCreatedBefore(int64_t time_us) = 0;
  virtual Result<std::vector<Sha256Digest>> RemoveEpoch(const std::string& epoch) = 0;
  virtual Status Clear() = 0;
  virtual Status AddToCounters(const std::map<std::string, int64_t>& increments) = 0;
  virtual Status SetCounters(const std::map<std::string, int64_t>& values) = 0;
  virtual Status Tidy() { return Ok(); }  // now and then
  // What lies there when it is opened. Questions that are not what was stored are left out.
  virtual Result<std::map<std::string, int64_t>> Counters() = 0;
  virtual Status ReadQuestions(const std::function<void(StoredQuestion)>& visit) = 0;

  // What other processes did since the last call, or since it was opened.
  struct News {
    bool removed = false;  // entries, all or many: nothing that is in memory may be believed
    std::vector<StoredQuestion> questions = {};
    std::optional<std::map<std::string, int64_t>> counters = {};  // none: nobody else counts
  };
  virtual Result<News> TakeNews() { return News{}; }

  // Whether it is of no more use after such an error.
  virtual bool Lost(const Error& error) const = 0;
  // What Find sees; from any thread. Bytes of values, 0 where that is not known.
  virtual int64_t entries() const = 0;
  virtual int64_t bytes() const = 0;
};

// How a store is opened, and opened again.
class CachePlace {
 public:
  virtual ~CachePlace() = default;
  virtual Result<std::unique_ptr<CacheStore>> Open() = 0;
  // After the store was lost and closed. True: what was wrong with it is out of the way, and Open can be tried at once.
  virtual bool PutAside(const Error&) { return false; }
  virtual std::string name() const = 0;  // for messages
  // A file that asks for a flush when it is there, for one epoch when it names one; empty: none.
  virtual std::string flush_marker() const { return {}; }

  // How many writes may be on their way, and how long a store waits where they are.
  virtual size_t most_waiting() const = 0;
  virtual std::chrono::milliseconds store_wait() const = 0;
  // How long after the first failure it is opened again; then ever longer, but never longer than
  // CacheOptions::disk_retry.
  virtual std::chrono::milliseconds first_retry() const = 0;
};

}  // namespace bantam
