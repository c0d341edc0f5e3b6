// What a result cache counts, and how it gets to the disk, where `bantam cache stats` finds it. Private to
// result_cache.cc.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "route/cache_disk.h"

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
    changed_ |= stored != value;
    stored = value;
  }
  void SetAllToZero() {
    const std::lock_guard lock(mutex_);
    for (auto& [name, value] : named_) value = 0;
    changed_ = true;
  }
  void Load(const std::map<std::string, int64_t>& stored) {
    const std::lock_guard lock(mutex_);
    named_ = stored;
    for (const auto& [name, total] : Totals()) named_.erase(name);
  }

  // The writer's: what happened since the last time.
  Status Save(CacheDisk& disk) {
    const std::map<std::string, int64_t> totals = Totals();
    std::map<std::string, int64_t> increments, named;
    for (const auto& [name, total] : totals) {
      if (total != saved_[name]) increments[name] = total - saved_[name];
    }
    if (!increments.empty()) {
      BANTAM_RETURN_IF_ERROR(disk.AddToCounters(increments));
      saved_ = totals;
    }
    {
      const std::lock_guard lock(mutex_);
      if (changed_) named = named_;
      changed_ = false;
    }
    if (named.empty()) return Ok();
    Status saved = disk.SetCounters(named);
    if (!saved) {
      const std::lock_guard lock(mutex_);
      changed_ = true;
    }
    return saved;
  }

 private:
  std::map<std::string, int64_t> Totals() const {
    return {{"hits", hits}, {"misses", misses}, {"stores", stores}, {"evictions", evictions}, {"expired", expired}};
  }

  mutable std::mutex mutex_;
  std::map<std::string, int64_t> named_;
  bool changed_ = false;
  std::map<std::string, int64_t> saved_;
};

}  // namespace bantam
