#include "api/model_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text_util.h"
#include "files/model_store.h"

namespace bantam {
namespace {

// How often a model in use is looked at: by so much later than its keep_alive it may go.
constexpr auto kSweep = std::chrono::milliseconds(500);

// A time that a clock can be set forward by; what is longer is for ever.
std::chrono::seconds Bounded(std::chrono::seconds time) {
  constexpr std::chrono::seconds kLongest = std::chrono::hours(24 * 365 * 10);
  return time > kLongest ? std::chrono::seconds(-1) : time;
}

std::string_view WithoutTag(std::string_view name) {
  if (name.ends_with(":latest")) name.remove_suffix(7);
  return name;
}

// A model that computes nothing sensible is found out before requests get it.
Status SelfTest(const ServedModel& model) {
  if (model.generator != nullptr) {
    BANTAM_TRY(const auto texts, model.generator->Generate({.prompt = "The", .max_tokens = 1, .ignore_eos = true}));
    return Ok();
  }
  if (model.embedder != nullptr) {
    BANTAM_TRY(const Embedding embedding, model.embedder->Embed("The"));
  } else if (model.classifier != nullptr) {
    const TextInput text{"The", {}};
    BANTAM_TRY(const auto answers, model.classifier->Classify(std::span(&text, 1), {}));
  }
  return Ok();
}

}  // namespace

// One model loads at a time: two of them would share the cores, and each may need the other's room.
struct ModelPool::Turn {
  explicit Turn(ModelPool& of) : pool(of) {
    std::unique_lock lock(pool.mutex_);
    pool.loaded_.wait(lock, [&] { return !pool.loading_; });
    pool.loading_ = true;
  }
  ~Turn() {
    {
      const std::scoped_lock lock(pool.mutex_);
      pool.loading_ = false;
    }
    pool.loaded_.notify_all();
  }
  ModelPool& pool;
};

ModelPool::ModelPool(PoolOptions options) : options_(std::move(options)) {}

ModelPool::~ModelPool() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (sweeper_.joinable()) sweeper_.join();
}

ServedModelPtr ModelPool::FindLocked(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.model->name != name) continue;
    entry.last_used = MonotonicNow();
    return entry.model;
  }
  return nullptr;
}

ServedModelPtr ModelPool::Find(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  return FindLocked(WithoutTag(name));
}

std::vector<ServedModelPtr> ModelPool::List() const {
  const std::scoped_lock lock(mutex_);
  std::vector<ServedModelPtr> models;
  models.reserve(entries_.size());
  for (const Entry& entry : entries_) models.push_back(entry.model);
  return models;
}

std::vector<ModelPool::Resident> ModelPool::Residents() const {
  const std::scoped_lock lock(mutex_);
  const MonotonicTime now = MonotonicNow();
  const auto today = std::chrono::system_clock::now();
  std::vector<Resident> residents;
  for (const Entry& entry : entries_) {
    Resident& resident = residents.emplace_back(entry.model, entry.memory_bytes);
    if (entry.stays || entry.keep_alive.count() < 0) continue;
    const auto left = entry.idle() ? std::max(entry.expires() - now, MonotonicTime::duration::zero())
                                   : MonotonicTime::duration(entry.keep_alive);
    resident.expires = today + std::chrono::duration_cast<std::chrono::system_clock::duration>(left);
  }
  return residents;
}

std::vector<std::string> ModelPool::Loadable() const {
  std::vector<std::string> names;
  if (!options_.on_demand) return names;
  const auto stored = ListModels(options_.encoder.store);
  if (!stored) return names;
  const std::scoped_lock lock(mutex_);
  for (const StoredModel& model : *stored) {
    const auto same = [&](const Entry& entry) { return entry.model->name == model.name; };
    if (std::ranges::none_of(entries_, same)) names.push_back(model.name);
  }
  return names;
}

Status ModelPool::Add(ServedModel model) {
  auto served = std::make_shared<const ServedModel>(std::move(model));
  // An adapter shares all it has with its model.
  const uint64_t bytes = served->parent.empty() ? served->memory().total() : 0;
  const std::scoped_lock lock(mutex_);
  if (FindLocked(served->name) != nullptr) return Ok();
  if (options_.memory_bytes > 0 && UsedLocked() + bytes > options_.memory_bytes) {
    return Err(ErrorCode::kOutOfMemory, "{} needs {}, with its cache full; --memory allows {}, of which {} have {}",
               served->name, HumanBytes(bytes), HumanBytes(options_.memory_bytes), Occupants(),
               HumanBytes(UsedLocked()));
  }
  entries_.push_back({.model = std::move(served), .memory_bytes = bytes, .stays = true, .last_used = MonotonicNow()});
  return Ok();
}

Result<ServedModelPtr> ModelPool::Get(std::string_view name) {
  if (ServedModelPtr model = Find(name)) return model;
  if (!options_.on_demand) return ServedModelPtr();
  const auto path = FindModel(name, options_.encoder.store);
  if (!path) {
    // What no model can be called is the name of none.
    const ErrorCode code = path.error().code;
    if (code == ErrorCode::kNotFound || code == ErrorCode::kInvalidArgument) return ServedModelPtr();
    return path.error();
  }
  const std::string stored = path->extension() == ".gguf" ? path->stem().string() : path->filename().string();
  if (ServedModelPtr model = Find(stored)) return model;
  const Turn turn(*this);
  if (ServedModelPtr model = Find(stored)) return model;  // loaded while we waited
  return Load(stored);
}

Result<ServedModelPtr> ModelPool::Load(const std::string& name) {
  const MonotonicTime start = MonotonicNow();
  BANTAM_TRY(ModelFolder opened, OpenModel(name, options_.encoder.store));
  const MemoryNeed need = EstimateMemory(opened, options_.encoder.weight_type, options_.generator);
  BANTAM_RETURN_IF_ERROR(MakeRoom(name, need.total(), need.ToString()));
  BANTAM_TRY(ServedModel loaded,
             LoadServedModel(std::move(opened), options_.encoder, options_.generator, options_.embedding_cache));
  loaded.name = name;
  BANTAM_RETURN_IF_ERROR(SelfTest(loaded));
  const uint64_t bytes = loaded.memory().total();
  auto model = std::make_shared<const ServedModel>(std::move(loaded));
  Log(LogLevel::kInfo, "loaded {} in {:.0f} ms: {}", name, MillisecondsSince(start), HumanBytes(bytes));
  const std::scoped_lock lock(mutex_);
  entries_.push_back(
      {.model = model, .memory_bytes = bytes, .keep_alive = Bounded(options_.keep_alive), .last_used = MonotonicNow()});
  if (!sweeper_.joinable()) sweeper_ = std::thread([this] { SweepMain(); });
  changed_.notify_all();
  return model;
}

uint64_t ModelPool::UsedLocked() const {
  uint64_t used = 0;
  for (const Entry& entry : entries_) used += entry.memory_bytes;
  return used;
}

std::string ModelPool::Occupants() const {
  std::string text;
  for (const Entry& entry : entries_) {
    if (entry.memory_bytes == 0) continue;
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", entry.model->name, HumanBytes(entry.memory_bytes),
                        entry.stays    ? " (stays)"
                        : entry.idle() ? ""
                                       : " (in use)");
  }
  return text.empty() ? "no models" : text;
}

// Lets go of models that nobody uses, the longest unused first, until `bytes` fit.
Status ModelPool::MakeRoom(const std::string& name, uint64_t bytes, const std::string& needs) {
  if (options_.memory_bytes == 0) return Ok();
  std::vector<ServedModelPtr> gone;  // ends after the lock
  const std::scoped_lock lock(mutex_);
  uint64_t stays = 0;
  for (const Entry& entry : entries_) stays += entry.stays ? entry.memory_bytes : 0;
  if (stays + bytes > options_.memory_bytes) {
    return Err(ErrorCode::kOutOfMemory, "{} needs {} ({}); --memory allows {}, of which {} are taken for good: {}",
               name, HumanBytes(bytes), needs, HumanBytes(options_.memory_bytes), HumanBytes(stays), Occupants());
  }
  while (UsedLocked() + bytes > options_.memory_bytes) {
    auto oldest = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->stays || !entry->idle()) continue;
      if (oldest == entries_.end() || entry->last_used < oldest->last_used) oldest = entry;
    }
    if (oldest == entries_.end()) {
      return Err(ErrorCode::kOverloaded, "{} needs {} ({}), and models in use leave no room for it: {} of {}", name,
                 HumanBytes(bytes), needs, Occupants(), HumanBytes(options_.memory_bytes));
    }
    Log(LogLevel::kInfo, "let {} go for {}", oldest->model->name, name);
    gone.push_back(std::move(oldest->model));
    entries_.erase(oldest);
  }
  return Ok();
}

void ModelPool::KeepAlive(const ServedModel& model, std::chrono::seconds time) {
  {
    const std::scoped_lock lock(mutex_);
    for (Entry& entry : entries_) {
      if (entry.model.get() == &model) entry.keep_alive = Bounded(time);
    }
  }
  changed_.notify_all();
}

void ModelPool::SweepMain() {
  std::vector<ServedModelPtr> gone;
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const MonotonicTime now = MonotonicNow();
    MonotonicTime next = MonotonicTime::max();
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      if (entry->stays) {
        ++entry;
        continue;
      }
      if (!entry->idle()) entry->last_used = now;  // its time begins when the last one is done with it
      const MonotonicTime expires = entry->expires();
      if (entry->idle() && expires <= now) {
        Log(LogLevel::kInfo, "let {} go: nobody asked for it", entry->model->name);
        gone.push_back(std::move(entry->model));
        entry = entries_.erase(entry);
        continue;
      }
      next = std::min(next, entry->idle() ? expires : now + kSweep);
      ++entry;
    }
    if (!gone.empty()) {
      lock.unlock();
      gone.clear();
      lock.lock();
      continue;
    }
    if (next == MonotonicTime::max()) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, next);
    }
  }
}

}  // namespace bantam
