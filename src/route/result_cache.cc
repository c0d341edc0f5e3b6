// Two halves under two locks. The front (a map in memory) answers and takes in nanoseconds. The store behind it (a
// file, a Redis, or nothing) is read by whoever misses in the front, and written by one background thread, which also
// does all that may take long: commits, evictions, checkpoints, moving a broken file aside, opening the store again
// after it had trouble, asking it what other processes did.
//
// Storing hands a write to that thread through a short queue. For a file it holds one, and storing waits until the
// write before has been committed: so there is never more than one write that a kill could take. Without a thread of
// its own, Store and Flush fill the queue and do the writer's turn themselves, one caller at a time.
#include "route/result_cache.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "base/file_io.h"
#include "base/log.h"
#include "base/text_util.h"
#include "route/cache_counters.h"
#include "route/cache_disk.h"
#include "route/cache_front.h"
#include "route/redis/cache_redis.h"
#include "route/similar_questions.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxValueBytes = size_t{256} << 10;
constexpr int64_t kTouchEveryMicros = 600'000'000;  // how stale "used" on disk may become: 10 minutes
constexpr size_t kMaxTouches = 1'024;
constexpr size_t kOnTheirWay = 256;  // questions in memory before the disk has told what it evicted for them
constexpr milliseconds kWarnEvery{60'000}, kCountersEvery{5'000}, kPurgeEvery{600'000}, kTick{1'000};
constexpr milliseconds kSettled{10'000};  // so long a store must have worked before its trouble is forgotten

class StoredResultCache final : public ResultCache {
 public:
  // Without a place everything is in memory. `store`: as the place opened it.
  StoredResultCache(std::unique_ptr<CachePlace> place, CacheOptions options, Result<std::unique_ptr<CacheStore>> store)
      : place_(std::move(place)),
        options_(std::move(options)),
        retry_wait_(FirstRetry()),
        front_(MostInMemory(), options_.memory_bytes),
        similar_(0) {
    SetLimits(options_);
    if (!store) {
      StoreTrouble(store.error());
    } else if (*store != nullptr) {
      LoadCounters(**store);
      SetStore(std::move(*store));
    }
    if (options_.own_thread && place_) thread_ = std::jthread([this](std::stop_token stop) { WriterMain(stop); });
  }

  ~StoredResultCache() override {
    if (thread_.joinable()) {
      thread_.request_stop();
      thread_.join();  // writes what is in the queue
      return;
    }
    try {
      WriterTurn(/*last=*/true);
    } catch (const std::bad_alloc&) {  // the last counters are lost, as a kill would take them
    }
  }

  std::optional<std::string> Find(const Sha256Digest& key) override {
    const int64_t now = options_.now_micros();
    uint64_t generation = 0;
    {
      std::lock_guard lock(front_mutex_);
      if (const CacheFront::Entry* entry = FindInFront(key, now)) return entry->value;
      generation = generation_;
    }
    auto value = FindInStore(key, now, generation);
    ++(value ? counters_.hits : counters_.misses);
    return value;
  }

  std::optional<std::string> FindInMemory(const Sha256Digest& key) override {
    std::lock_guard lock(front_mutex_);
    const CacheFront::Entry* entry = FindInFront(key, options_.now_micros());
    return entry == nullptr ? std::nullopt : std::optional(entry->value);
  }

  void StoreSimilar(const Sha256Digest& key, std::string_view value, const SimilarKey* similar) override {
    if (value.size() > kMaxValueBytes) return;
    const int64_t now = options_.now_micros();
    ++counters_.stores;
    {
      std::lock_guard lock(front_mutex_);
      front_.Put({key, std::string(value), now, now});
    }
    std::optional<StoredQuestion> question;
    if (similar != nullptr) {
      question = {key, similar->partition, std::string(similar->question), std::string(similar->route),
                  SimilarQuestions::Pack(similar->vector)};
      AddQuestion(*question);
    }
    if (!place_) return;
    {
      std::unique_lock lock(queue_mutex_);
      const auto has_room = [&] { return jobs_.size() < place_->most_waiting(); };
      if (!job_done_.wait_for(lock, place_->store_wait(), has_room)) {
        ++counters_.skipped;
        return;
      }
      std::erase_if(removals_, [&](const auto& removal) { return removal.first == key; });  // not what comes now
      jobs_.push_back({.kind = Job::kWrite,
                       .key = key,
                       .value = std::string(value),
                       .question = std::move(question),
                       .epoch = epoch_,
                       .now_us = now});
      wake_.notify_one();
    }
    if (!options_.own_thread) WriterTurn(/*last=*/false);
  }

  std::vector<SimilarQuestion> FindSimilar(const Sha256Digest& partition, std::span<const float> vector,
                                           float least_similarity) override {
    return similar_.Find(partition, vector, least_similarity);
  }

  Status Flush() override { return RunFlush({}); }
  Status FlushEpoch(const std::string& epoch) override { return RunFlush(epoch); }

  int64_t Counter(const std::string& name) const override { return counters_.Get(name); }
  void SetCounter(const std::string& name, int64_t value) override { counters_.Set(name, value); }
  void AddToCounter(const std::string& name, int64_t increment) override { counters_.Add(name, increment); }

  CacheStats Stats() const override {
    CacheStats stats{.hits = counters_.hits,
                     .misses = counters_.misses,
                     .memory_hits = counters_.memory_hits,
                     .stores = counters_.stores,
                     .evictions = counters_.evictions,
                     .expired = counters_.expired,
                     .skipped = counters_.skipped,
                     .bad_rows = counters_.bad_rows,
                     .disk_errors = counters_.disk_errors};
    {
      std::lock_guard lock(store_mutex_);
      stats.on_disk = store_ != nullptr;
      if (store_ != nullptr) {
        stats.entries = static_cast<uint64_t>(store_->entries());
        stats.bytes = static_cast<uint64_t>(store_->bytes());
        return stats;
      }
    }
    std::lock_guard lock(front_mutex_);
    stats.entries = front_.size();
    stats.bytes = front_.bytes();
    return stats;
  }

  void SetLimits(const CacheOptions& options) override {
    ttl_us_ = std::chrono::duration_cast<std::chrono::microseconds>(options.ttl).count();
    max_entries_ = options.max_entries;
    similar_.SetLimit(place_ ? options.max_entries + kOnTheirWay : std::min(MostInMemory(), options.max_entries));
    std::lock_guard lock(queue_mutex_);
    epoch_ = options.epoch;
  }

 private:
  Status RunFlush(std::optional<std::string> epoch) {
    if (!place_) return FlushNow(epoch);
    std::optional<Status> outcome;
    {
      std::unique_lock lock(queue_mutex_);
      job_done_.wait(lock, [&] { return jobs_.size() < place_->most_waiting(); });
      jobs_.push_back({.kind = Job::kFlush, .epoch = std::move(epoch), .outcome = &outcome});
      wake_.notify_one();
    }
    while (!options_.own_thread && WriterTurn(/*last=*/false)) {
    }
    std::unique_lock lock(queue_mutex_);
    job_done_.wait(lock, [&] { return outcome.has_value(); });
    return *outcome;
  }

  struct Job {
    enum Kind { kWrite, kFlush } kind = kWrite;
    Sha256Digest key{};
    std::string value = {};
    std::optional<StoredQuestion> question = {};
    std::optional<std::string> epoch = {};  // kWrite: noted with it; kFlush: of this alone
    int64_t now_us = 0;
    std::optional<Status>* outcome = nullptr;  // kFlush: where its caller waits for it
  };

  struct ReadError {
    Error error;
    uint64_t store_number;  // which store it is about: the writer may have replaced that one meanwhile
  };

  using Removals = std::vector<std::pair<Sha256Digest, int64_t>>;  // key and created: a newer entry of the key stays

  // Neither older than the TTL nor, after the clock was set back, further in the future.
  bool Fresh(int64_t created_us, int64_t now_us) const {
    const int64_t ttl = ttl_us_;
    return now_us - created_us < ttl && created_us - now_us < ttl;
  }

  // Under front_mutex_, until which is left the entry is there.
  const CacheFront::Entry* FindInFront(const Sha256Digest& key, int64_t now) {
    CacheFront::Entry* entry = front_.Find(key);
    if (entry == nullptr) return nullptr;
    if (!Fresh(entry->created_us, now)) {
      front_.Erase(key);
      return nullptr;
    }
    if (now - entry->touched_us > kTouchEveryMicros) {
      entry->touched_us = now;
      Touch(key);
    }
    ++counters_.hits;
    ++counters_.memory_hits;
    return entry;
  }

  std::optional<std::string> FindInStore(const Sha256Digest& key, int64_t now, uint64_t generation) {
    std::optional<CacheStore::Row> row;
    {
      std::lock_guard lock(store_mutex_);
      if (store_ == nullptr) {
        if (!place_) similar_.Remove(key);  // it was evicted, and lies nowhere else
        return std::nullopt;
      }
      auto found = store_->Find(key);
      if (!found) {
        Report({found.error(), store_number_});
        return std::nullopt;
      }
      row = std::move(*found);
    }
    if (!row) {
      similar_.Remove(key);
      return std::nullopt;
    }
    if (row->bad) {
      ++counters_.bad_rows;
      Remove(key, row->created_us);
      return std::nullopt;
    }
    if (!Fresh(row->created_us, now)) {
      ++counters_.expired;
      Remove(key, row->created_us);
      return std::nullopt;
    }
    const bool touch = now - row->used_us > kTouchEveryMicros;
    if (touch) Touch(key);
    std::lock_guard lock(front_mutex_);
    // Not when everything was forgotten while we read.
    if (generation == generation_) front_.Put({key, row->value, row->created_us, touch ? now : row->used_us});
    return std::move(row->value);
  }

  // Small news for the writer thread, which a kill may take.
  void Touch(const Sha256Digest& key) {
    if (!place_) return;
    std::lock_guard lock(queue_mutex_);
    if (touches_.size() < kMaxTouches) touches_.push_back(key);
  }
  void Remove(const Sha256Digest& key, int64_t created_us) {
    std::lock_guard lock(queue_mutex_);
    if (removals_.size() < kMaxTouches) removals_.emplace_back(key, created_us);
    similar_.Remove(key);
  }
  void Report(const ReadError& read) {  // from a reading thread
    std::lock_guard lock(queue_mutex_);
    reported_ = read;
    wake_.notify_one();
  }

  // ---- the writer thread ----

  void WriterMain(const std::stop_token& stop) {
    while (true) {
      {
        std::unique_lock lock(queue_mutex_);
        wake_.wait_for(lock, stop, std::min(kTick, retry_wait_), [&] { return !jobs_.empty() || reported_; });
      }
      const bool stopping = stop.stop_requested();
      if (!WriterTurn(stopping) && stopping) return;
    }
  }

  // Does the first job that waits and what has been noted; false when no job waited.
  bool WriterTurn(bool last) {
    std::lock_guard turn(writer_mutex_);
    Job job;
    bool has_job = false;
    std::vector<Sha256Digest> touches;
    Removals removals;
    std::optional<ReadError> reported;
    {
      std::lock_guard lock(queue_mutex_);
      has_job = !jobs_.empty();
      if (has_job) job = std::move(jobs_.front());  // it keeps its place until it is done
      touches.swap(touches_);
      removals.swap(removals_);
      reported.swap(reported_);
    }
    if (reported && reported->store_number == store_number_) StoreTrouble(reported->error);
    // Before the write, whose eviction goes by them.
    if (!touches.empty() && store_ != nullptr) {
      const Status touched = store_->Touch(touches, options_.now_micros());
      if (!touched) StoreTrouble(touched.error());
    }
    std::optional<Status> outcome;
    if (has_job && job.kind == Job::kWrite) Write(job);
    if (has_job && job.kind == Job::kFlush) outcome = FlushNow(job.epoch);
    if (has_job) {
      std::lock_guard lock(queue_mutex_);
      if (job.outcome != nullptr) *job.outcome = std::move(outcome);
      jobs_.pop_front();
      job_done_.notify_all();
    }
    Housekeeping(removals, last);
    return has_job;
  }

  void Write(const Job& job) {
    if (store_ == nullptr) {
      ++counters_.skipped;
      return;
    }
    const CacheLimits limits{max_entries_, options_.max_bytes, std::chrono::microseconds(ttl_us_)};
    const auto evicted =
        store_->Write({job.key, job.value, *job.epoch, job.question ? &*job.question : nullptr}, job.now_us, limits);
    if (evicted) {
      counters_.evictions += evicted->size();
      for (const Sha256Digest& key : *evicted) similar_.Remove(key);
    } else {
      ++counters_.skipped;
      StoreTrouble(evicted.error());
    }
  }

  void ForgetFront() {
    std::lock_guard lock(front_mutex_);
    ++generation_;
    front_.Clear();
  }

  // Of one epoch, or everything.
  Status FlushNow(const std::optional<std::string>& epoch) {
    ForgetFront();
    Status status = Ok();
    if (!epoch) {
      if (store_ != nullptr) status = store_->Clear();
      similar_.Clear();
      counters_.SetAllToZero();
    } else if (store_ != nullptr) {
      const auto removed = store_->RemoveEpoch(*epoch);
      if (!removed) status = removed.error();
      for (size_t i = 0; removed && i < removed->size(); ++i) similar_.Remove((*removed)[i]);
    }
    if (!status) StoreTrouble(status.error());
    ForgetFront();  // what was read from the disk in between
    return status;
  }

  void Housekeeping(const Removals& removals, bool last) {
    if (!place_) return;
    const MonotonicTime now = MonotonicNow();
    if (store_ == nullptr) {
      if (now - last_attempt_ >= retry_wait_ && !last) Reopen();
      return;
    }
    if (now - last_attempt_ >= kSettled) retry_wait_ = FirstRetry();
    const auto watch = [&](const Status& status) {
      if (!status) StoreTrouble(status.error());
      return store_ != nullptr;
    };
    for (const auto& [key, created_us] : removals) {
      if (!watch(store_->Remove(key, created_us))) return;
    }
    if (last || now - last_counters_ >= kCountersEvery) {
      last_counters_ = now;
      if (!watch(counters_.Save(*store_))) return;
    }
    if (last) return;
    if (now - last_news_ >= kTick) {
      last_news_ = now;
      if (!watch(TakeNews())) return;
    }
    if (!last_purge_ || now - *last_purge_ >= kPurgeEvery) {
      last_purge_ = now;
      const auto removed = store_->RemoveCreatedBefore(options_.now_micros() - ttl_us_);
      if (!removed) {
        if (!watch(removed.error())) return;
      } else {
        counters_.expired += removed->size();
        for (const Sha256Digest& key : *removed) similar_.Remove(key);
      }
    }
    if (!watch(store_->Tidy())) return;
    FlushOnRequest();
  }

  Status TakeNews() {
    BANTAM_TRY(CacheStore::News news, store_->TakeNews());
    if (news.removed) {
      ForgetFront();
      similar_.Clear();
      ReadQuestions(*store_);
    }
    for (const StoredQuestion& question : news.questions) AddQuestion(question);
    if (news.counters) counters_.Load(*news.counters);
    return Ok();
  }

  // `bantam cache flush` asks a running server by making a file.
  void FlushOnRequest() {
    const std::string marker = place_->flush_marker();
    if (marker.empty() || ::access(marker.c_str(), F_OK) != 0) return;
    const std::string wanted = ReadFile(marker).value_or("");
    const Status flushed = FlushNow(wanted.empty() ? std::nullopt : std::optional(wanted));
    if (flushed && ::unlink(marker.c_str()) == 0) Log(LogLevel::kInfo, "cache {}: flushed on request", place_->name());
  }

  void AddQuestion(const StoredQuestion& stored) {
    similar_.Add(stored.partition, {stored.key, stored.question, stored.route}, stored.vector);
  }
  // Without them a question is only found as it was asked.
  void ReadQuestions(CacheStore& store) {
    const Status read = store.ReadQuestions([&](const StoredQuestion& stored) { AddQuestion(stored); });
    if (!read)
      Log(LogLevel::kWarning, "cache {}: similar questions are not found: {}", place_->name(), read.error().message);
  }
  void LoadCounters(CacheStore& store) {
    if (const auto stored = store.Counters()) counters_.Load(*stored);
  }

  void SetStore(std::unique_ptr<CacheStore> store) {
    if (store != nullptr) ReadQuestions(*store);
    std::lock_guard lock(store_mutex_);
    store_ = std::move(store);
    ++store_number_;
  }

  size_t MostInMemory() const {
    return place_ ? options_.memory_entries : std::min(options_.memory_entries, options_.max_entries);
  }
  milliseconds FirstRetry() const {
    return place_ ? std::min(place_->first_retry(), options_.disk_retry) : options_.disk_retry;
  }

  void Reopen() {
    last_attempt_ = MonotonicNow();
    auto store = place_->Open();
    if (!store) {
      // With chance in it: what lost one Redis together does not come back together.
      thread_local std::minstd_rand random(std::random_device{}());
      const milliseconds longer = retry_wait_ + milliseconds(random() % static_cast<uint64_t>(retry_wait_.count() + 1));
      retry_wait_ = std::min(longer + retry_wait_ / 2, options_.disk_retry);
      return StoreTrouble(store.error());
    }
    SetStore(std::move(*store));
    last_news_ = {};  // what happened while we were away comes first
    Log(LogLevel::kInfo, "cache {}: it can be used again", place_->name());
  }

  // A broken file is replaced. Anything else is the store's trouble: warned of, and tried again with the next write,
  // or, when the store is lost, after a while.
  void StoreTrouble(const Error& error) {
    ++counters_.disk_errors;
    const MonotonicTime now = MonotonicNow();
    if (store_ != nullptr && store_->Lost(error)) {
      SetStore(nullptr);
      if (place_->PutAside(error) && (!last_replaced_ || now - *last_replaced_ >= kWarnEvery)) {
        last_replaced_ = now;  // not in a circle, on a disk that garbles everything
        return Reopen();
      }
    }
    if (store_ == nullptr) last_attempt_ = now;
    if (last_warning_ && now - *last_warning_ < kWarnEvery) return;
    last_warning_ = now;
    Log(LogLevel::kWarning, "cache {}: answers are kept in memory only: {}", place_->name(), error.message);
  }

  const std::unique_ptr<CachePlace> place_;  // null: none
  const CacheOptions options_;
  milliseconds retry_wait_;  // the writer's
  std::atomic<int64_t> ttl_us_ = 0;
  std::atomic<size_t> max_entries_ = 0;
  CacheCounters counters_;

  mutable std::mutex front_mutex_;
  CacheFront front_;         // guarded by front_mutex_
  uint64_t generation_ = 0;  // guarded by front_mutex_; counts flushes
  SimilarQuestions similar_;

  mutable std::mutex store_mutex_;  // for the reader's side, and to replace store_; the writer reads store_ without it
  std::unique_ptr<CacheStore> store_;  // null: memory only. Replaced by the writer alone
  uint64_t store_number_ = 0;          // counts replacements

  std::mutex queue_mutex_;  // guards the following
  std::condition_variable_any wake_;
  std::condition_variable job_done_;
  std::deque<Job> jobs_;  // the first one until it is done
  std::string epoch_;     // of what is stored from now on
  std::vector<Sha256Digest> touches_;
  Removals removals_;
  std::optional<ReadError> reported_;

  std::mutex writer_mutex_;  // without a thread: whose turn it is to write. Guards the following
  MonotonicTime last_attempt_{}, last_counters_ = MonotonicNow(), last_news_ = last_counters_;
  std::optional<MonotonicTime> last_warning_, last_replaced_, last_purge_;

  std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<ResultCache>> ResultCache::Open(const Path& file, const CacheOptions& options) {
  auto place = std::make_unique<CacheFile>(file);
  auto store = place->Open();
  if (!store && store.error().code == ErrorCode::kConflict) return store.error();
  return std::make_unique<StoredResultCache>(std::move(place), options, std::move(store));
}

std::unique_ptr<ResultCache> ResultCache::OpenShared(const RedisAddress& address, const std::string& name,
                                                     const CacheOptions& options) {
  auto place = std::make_unique<CacheServer>(address, name);
  auto store = place->Open();
  return std::make_unique<StoredResultCache>(std::move(place), options, std::move(store));
}

std::unique_ptr<ResultCache> ResultCache::InMemory(const CacheOptions& options) {
  return std::make_unique<StoredResultCache>(nullptr, options, std::unique_ptr<CacheStore>());
}

}  // namespace bantam
