#include "api/model_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "base/text_util.h"
#include "base/thread_pool.h"
#include "files/model_stamp.h"
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
  constexpr std::string_view kText = "The";
  const TextInput pair{kText, kText}, text{kText, {}};
  if (model.generator != nullptr) {
    BANTAM_TRY(const auto texts,
               model.generator->Generate({.prompt = std::string(kText), .max_tokens = 1, .ignore_eos = true}));
  }
  if (model.embedder != nullptr) {
    BANTAM_TRY(const Embedding embedding, model.embedder->Embed(kText));
    if (!std::ranges::all_of(embedding.vector, [](float value) { return std::isfinite(value); })) {
      return Err(ErrorCode::kCorrupt, "the embedding of \"{}\" has values that are no numbers", kText);
    }
  }
  if (model.classifier != nullptr) BANTAM_RETURN_IF_ERROR(model.classifier->Classify(std::span(&text, 1), {}));
  if (model.reranker != nullptr) BANTAM_RETURN_IF_ERROR(model.reranker->Score(std::span(&pair, 1)));
  if (model.tagger != nullptr) BANTAM_RETURN_IF_ERROR(model.tagger->Tag(std::span(&kText, 1)));
  if (model.answerer != nullptr) {
    const Question question{.question = kText, .context = kText};
    BANTAM_RETURN_IF_ERROR(model.answerer->Answer(std::span(&question, 1)));
  }
  if (model.sparse != nullptr) {
    const std::string own(kText);
    BANTAM_RETURN_IF_ERROR(model.sparse->Embed(std::span(&own, 1)));
  }
  return Ok();
}

// By its name where that leads to it: a model of the store may have packed copies, and is marked as in use.
Result<ModelFolder> OpenAgain(const ServedModel& model, const std::optional<Path>& store) {
  const auto stored = FindModel(model.name, store);
  return OpenModel(stored && *stored == model.path ? model.name : model.path.string(), store);
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

int ModelPool::num_threads() const {
  return options_.encoder.num_threads > 0 ? options_.encoder.num_threads : ThreadPool::DefaultThreads();
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

Result<ServedModel> ModelPool::LoadTested(const std::string& name, ModelFolder opened, bool stays) {
  GeneratorOptions generator = options_.generator;
  if (!stays) generator.draft.clear();
  BANTAM_RETURN_IF_ERROR(MakeRoom(name, EstimateMemory(opened, options_.encoder.weight_type, generator)));
  BANTAM_TRY(ServedModel loaded,
             LoadServedModel(std::move(opened), options_.encoder, generator, options_.embedding_cache));
  loaded.name = name;
  BANTAM_RETURN_IF_ERROR(SelfTest(loaded));
  return loaded;
}

Result<ServedModelPtr> ModelPool::Load(const std::string& name) {
  const MonotonicTime start = MonotonicNow();
  BANTAM_TRY(ModelFolder opened, OpenModel(name, options_.encoder.store));
  BANTAM_TRY(ServedModel loaded, LoadTested(name, std::move(opened), /*stays=*/false));
  const uint64_t bytes = loaded.memory().total();
  auto model = std::make_shared<const ServedModel>(std::move(loaded));
  Log(LogLevel::kInfo, "loaded {} in {:.0f} ms: {}", name, MillisecondsSince(start), HumanBytes(bytes));
  const std::scoped_lock lock(mutex_);
  entries_.push_back(
      {.model = model, .memory_bytes = bytes, .keep_alive = Bounded(options_.keep_alive), .last_used = MonotonicNow()});
  WakeSweeperLocked();
  return model;
}

void ModelPool::WakeSweeperLocked() {
  if (!sweeper_.joinable()) sweeper_ = std::thread([this] { SweepMain(); });
  changed_.notify_all();
}

std::optional<ModelPool::Entry> ModelPool::EntryOf(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find(entries_, name, [](const Entry& entry) { return entry.model->name; });
  return found == entries_.end() ? std::nullopt : std::optional<Entry>(*found);
}

void ModelPool::TakeRetiredLocked(std::vector<ServedModelPtr>& gone) {
  const auto idle = std::ranges::partition(retired_, [](const Entry& entry) { return !entry.idle(); });
  for (Entry& entry : idle) gone.push_back(std::move(entry.model));
  retired_.erase(idle.begin(), idle.end());
}

void ModelPool::Replace(std::string_view name, ServedModel model) {
  const uint64_t bytes = model.parent.empty() ? model.memory().total() : 0;
  auto served = std::make_shared<const ServedModel>(std::move(model));
  const std::scoped_lock lock(mutex_);
  const auto of_name = [&](std::string_view wanted) {
    return std::ranges::find(entries_, wanted, [](const Entry& entry) { return entry.model->name; });
  };
  auto place = of_name(name);
  const bool taken = served->name != name && of_name(served->name) != entries_.end();
  if (place != entries_.end()) {
    retired_.push_back(*place);
    WakeSweeperLocked();
    if (!taken) {
      place->model = std::move(served);
      place->memory_bytes = bytes;
    } else {
      entries_.erase(place);
    }
  } else if (!taken) {
    entries_.push_back({.model = std::move(served), .memory_bytes = bytes, .stays = true, .last_used = MonotonicNow()});
  }
}

Result<bool> ModelPool::Refresh(const std::string& name) {
  const Turn turn(*this);
  const std::optional<Entry> entry = EntryOf(name);
  if (!entry || entry->model->path.empty() || !entry->model->parent.empty()) return false;
  const std::string stamp = ModelStamp(entry->model->path);
  // Gone from the store: whoever has it open goes on with it.
  if (stamp.empty() || stamp == entry->model->stamp) return false;
  if (entry->model->generator != nullptr && !entry->model->generator->adapters().empty()) {
    return Err(ErrorCode::kConflict, "{} was replaced, and is served with LoRA adapters of its older self: start anew",
               name);
  }
  const MonotonicTime start = MonotonicNow();
  BANTAM_TRY(ModelFolder opened, OpenAgain(*entry->model, options_.encoder.store));
  BANTAM_TRY(ServedModel loaded, LoadTested(name, std::move(opened), entry->stays));
  Replace(name, std::move(loaded));
  Log(LogLevel::kInfo, "{} was replaced by its new version in {:.0f} ms", name, MillisecondsSince(start));
  return true;
}

Status ModelPool::Rehearse(const std::string& name, const Path& folder) {
  const Turn turn(*this);
  const std::optional<Entry> entry = EntryOf(name);
  if (!entry) return Ok();
  BANTAM_TRY(ModelFolder opened, OpenModelFolder(folder));
  BANTAM_TRY(const ServedModel loaded, LoadTested(name, std::move(opened), entry->stays));
  return Ok();
}

uint64_t ModelPool::UsedLocked() const {
  uint64_t used = 0;
  for (const Entry& entry : entries_) used += entry.memory_bytes;
  for (const Entry& entry : retired_) used += entry.memory_bytes;
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
  for (const Entry& entry : retired_) {
    text += fmt::format(", {} {} (replaced, in use)", entry.model->name, HumanBytes(entry.memory_bytes));
  }
  return text.empty() ? "no models" : text;
}

// Lets go of models that nobody uses, the longest unused first, until `bytes` fit.
Status ModelPool::MakeRoom(const std::string& name, const MemoryNeed& need) {
  if (options_.memory_bytes == 0) return Ok();
  const uint64_t bytes = need.total();
  const std::string needs = need.ToString();
  std::vector<ServedModelPtr> gone;  // ends after the lock
  const std::scoped_lock lock(mutex_);
  uint64_t stays = 0;
  for (const Entry& entry : entries_) stays += entry.stays ? entry.memory_bytes : 0;
  if (stays + bytes > options_.memory_bytes) {
    return Err(ErrorCode::kOutOfMemory, "{} needs {} ({}); --memory allows {}, of which {} are taken for good: {}",
               name, HumanBytes(bytes), needs, HumanBytes(options_.memory_bytes), HumanBytes(stays), Occupants());
  }
  TakeRetiredLocked(gone);
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

Status ModelPool::Unload(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find(entries_, name, [](const Entry& entry) { return entry.model->name; });
  if (found == entries_.end()) return Ok();
  if (found->stays) {
    return Err(ErrorCode::kConflict,
               "{} was named when the server started, and stays as long as it runs; models that come on demand can go",
               found->model->name);
  }
  Log(LogLevel::kInfo, "let {} go: asked to", found->model->name);
  retired_.push_back(std::move(*found));
  entries_.erase(found);
  WakeSweeperLocked();
  return Ok();
}

void ModelPool::LetIdleGo() {
  const std::scoped_lock lock(mutex_);
  for (Entry& entry : entries_) {
    if (!entry.stays && entry.idle()) entry.keep_alive = std::chrono::seconds(0);
  }
  if (sweeper_.joinable()) changed_.notify_all();
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
    TakeRetiredLocked(gone);
    if (!retired_.empty()) next = std::min(next, now + kSweep);
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
