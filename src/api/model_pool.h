// The models that the server has in memory: those that it started with, and those of the store that requests name,
// loaded when they are first asked for and let go when nobody asked for a while, or when another one needs the memory.
//
//   ModelPool pool({.on_demand = true, .memory_bytes = uint64_t{2} << 30});
//   BANTAM_TRY(const ServedModelPtr model, pool.Get("smollm2"));   // null: there is no such model
//   model->generator->Start(...);                                  // it stays as long as somebody holds it
//
// Everything may be called from any thread. A model ends on the pool's own thread or on one that loads another, never
// on one that only used it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/served_model.h"
#include "base/clock.h"

namespace bantam {

using ServedModelPtr = std::shared_ptr<const ServedModel>;

struct PoolOptions {
  LoadOptions encoder = {};
  GeneratorOptions generator = {};  // its draft is for models that stay: tokens must be the same
  std::shared_ptr<EmbeddingCache> embedding_cache = nullptr;
  bool on_demand = false;                // models of the store may be asked for by name
  uint64_t memory_bytes = 0;             // for weights, caches and scratch of all models together; 0: no limit
  std::chrono::seconds keep_alive{300};  // after the last use of a model that came on demand; below 0: for ever
};

class ModelPool {
 public:
  struct Resident {
    ServedModelPtr model;
    uint64_t memory_bytes = 0;  // with its cache full
    // When it goes if nobody asks for it; nothing: it stays as long as the server does.
    std::optional<std::chrono::system_clock::time_point> expires = {};
  };

  explicit ModelPool(PoolOptions options = {});
  ~ModelPool();
  ModelPool(const ModelPool&) = delete;
  ModelPool& operator=(const ModelPool&) = delete;

  // Stays as long as the pool does. kOutOfMemory where it is more than what is left of the limit.
  Status Add(ServedModel model);
  // The same in the place of the model of that name, which ends when nobody uses it any more.
  void Replace(std::string_view name, ServedModel model);
  // Makes room for one that is loaded elsewhere, beside all that stay; errors as those of Get.
  Status MakeRoom(const std::string& name, const MemoryNeed& need);
  // Loads a model of the pool again where its files changed, beside the one that is served: only when it has answered
  // its self-test it takes that one's place. False: nothing changed, or it is none whose files are watched. An error
  // leaves all as it was.
  Result<bool> Refresh(const std::string& name);
  // Whether the model in `folder` could take the place of `name`: it loads and answers its self-test. For files that
  // are not yet in the store.
  Status Rehearse(const std::string& name, const Path& folder);
  // By its name, with or without ":latest"; null where it is not in memory. Never waits for a model to load.
  ServedModelPtr Find(std::string_view name) const;
  // The same, loaded from the store where that is allowed; null where there is none of that name. Waits while it loads.
  // A name is never used as a path. kOutOfMemory for one that can never fit, kOverloaded while models in use leave no
  // room for it, both with what it needs and who has the memory.
  Result<ServedModelPtr> Get(std::string_view name);
  // For how long a model stays after its last use: 0 lets it go as soon as nobody uses it, below 0 keeps it. Nothing
  // happens to one that stays anyway.
  void KeepAlive(const ServedModel& model, std::chrono::seconds time);

  // One that came on demand is not found any more, and ends when nobody uses it. kConflict for one that stays.
  Status Unload(std::string_view name);
  // Those that came on demand and that nobody uses at the moment go, whatever their time says: memory is short.
  void LetIdleGo();

  std::vector<ServedModelPtr> List() const;  // in the order in which they came
  std::vector<Resident> Residents() const;
  bool on_demand() const { return options_.on_demand; }
  int num_threads() const;  // of each model
  // Of the store, if they may be asked for: those that are not in memory.
  std::vector<std::string> Loadable() const;

 private:
  struct Entry {
    ServedModelPtr model;
    uint64_t memory_bytes = 0;
    bool stays = false;
    std::chrono::seconds keep_alive{0};
    mutable MonotonicTime last_used;
    // Nobody else can come to hold it while the pool is locked.
    bool idle() const { return model.use_count() == 1; }
    MonotonicTime expires() const { return keep_alive.count() < 0 ? MonotonicTime::max() : last_used + keep_alive; }
  };
  struct Turn;  // of loading: one at a time

  ServedModelPtr FindLocked(std::string_view name) const;
  uint64_t UsedLocked() const;
  Result<ServedModelPtr> Load(const std::string& name);
  Result<ServedModel> LoadTested(const std::string& name, ModelFolder opened, bool stays);
  void WakeSweeperLocked();
  // Those that nobody uses any more, for whoever may wait for their end.
  void TakeRetiredLocked(std::vector<ServedModelPtr>& gone);
  // A copy of the entry: while somebody has it, the model does not go.
  std::optional<Entry> EntryOf(std::string_view name) const;
  std::string Occupants() const;
  void SweepMain();

  const PoolOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable loaded_, changed_;
  std::vector<Entry> entries_;
  std::vector<Entry> retired_;  // replaced, and still used
  bool loading_ = false, stop_ = false;
  std::thread sweeper_;  // starts with the first model that may go; guarded by mutex_
};

}  // namespace bantam
