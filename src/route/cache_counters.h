// What a result cache counts, and how it gets to its store, where `bantam cache stats` finds it and other processes
// that share the store add to it. Private to result_cache.cc.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "route/cache_store.h"

namespace bantam {

struct CacheCounters {
  std::atomic<uint64_t> hits = 0, misses = 0, memory_hits = 0, stores = 0, evictions = 0, expired = 0, skipped = 0,
                        bad_rows = 0, disk_errors = 0;

  // Of the cache's users; any thread.
  int64_t Get(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = named_.find(name);
    return found == named_.end() ? 0 : found->second;
  }
  void Set(const std::string& name, int64_t value) {
    const std::lock_guard lock(mutex_);
    int64_t& stored = named_[name];
    if (stored == value) return;
    stored = value;
    to_set_[name] = value;
    to_add_.erase(name);
  }
  void Add(const std::string& name, int64_t increment) {
    const std::lock_guard lock(mutex_);
    AddTo(named_[name], increment);
    AddTo(to_add_[name], increment);
  }
  void SetAllToZero() {
    const std::lock_guard lock(mutex_);
    to_add_.clear();
    for (auto& [name, value] : named_) to_set_[name] = value = 0;
  }
  // What the store has, and what has not got there yet.
  void Load(const std::map<std::string, int64_t>& stored) {
    const std::lock_guard lock(mutex_);
    named_ = stored;
    for (const auto& [name, total] : Totals()) named_.erase(name);
    for (const auto& [name, value] : to_set_) named_[name] = value;
    for (const auto& [name, increment] : to_add_) AddTo(named_[name], increment);
  }

  // The writer's: what happened since the last time.
  Status Save(CacheStore& store) {
    const std::map<std::string, int64_t> totals = Totals();
    std::map<std::string, int64_t> values, increments;
    {
      const std::lock_guard lock(mutex_);
      values.swap(to_set_);
      increments.swap(to_add_);
    }
    const std::map<std::string, int64_t> named = increments;
    for (const auto& [name, total] : totals) {
      if (total != saved_[name]) increments[name] = total - saved_[name];
    }
    Status saved = values.empty() ? Ok() : store.SetCounters(values);
    if (saved) values.clear();
    if (saved && !increments.empty()) saved = store.AddToCounters(increments);
    if (saved) {
      saved_ = totals;
      return saved;
    }
    const std::lock_guard lock(mutex_);  // another time; what was set meanwhile counts
    to_set_.merge(values);
    for (const auto& [name, increment] : named) {
      if (!to_set_.contains(name)) AddTo(to_add_[name], increment);
    }
    return saved;
  }

 private:
  // What a store holds may be anything, so that adding to it must not be undefined.
  static void AddTo(int64_t& value, int64_t increment) {
    value = static_cast<int64_t>(static_cast<uint64_t>(value) + static_cast<uint64_t>(increment));
  }
  std::map<std::string, int64_t> Totals() const {
    return {{"hits", hits}, {"misses", misses}, {"stores", stores}, {"evictions", evictions}, {"expired", expired}};
  }

  mutable std::mutex mutex_;
  std::map<std::string, int64_t> named_, to_set_, to_add_;
  std::map<std::string, int64_t> saved_;  // the writer's
};

}  // namespace bantam
