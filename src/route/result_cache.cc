// Two halves under two locks. The front (a map in memory) answers and takes in nanoseconds. The disk is read by whoever
// misses in the front, and written by one background thread, which also does all that may take long: commits,
// evictions, checkpoints, moving a broken file aside, opening the file again after the disk had trouble.
//
// A store hands its write to that thread through a slot for one. It waits until the slot is free, that is until the
// write before it has been committed: so there is never more than one write that a kill could take. Without a thread of
// its own, Store and Flush fill the slot and do the writer's turn themselves, one caller at a time.
#include "route/result_cache.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/file_io.h"
#include "base/log.h"
#include "base/text_util.h"
#include "route/cache_counters.h"
#include "route/cache_disk.h"
#include "route/cache_front.h"
#include "route/similar_questions.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxValueBytes = size_t{256} << 10;
constexpr milliseconds kStoreWait{250};
constexpr int64_t kTouchEveryMicros = 600'000'000;  // how stale "used" on disk may become: 10 minutes
constexpr size_t kMaxTouches = 1'024;
constexpr size_t kOnTheirWay = 256;  // questions in memory before the disk has told what it evicted for them
constexpr milliseconds kWarnEvery{60'000}, kCountersEvery{5'000}, kPurgeEvery{600'000}, kTick{1'000};

class DiskResultCache final : public ResultCache {
 public:
  DiskResultCache(Path file, CacheOptions options, Result<std::unique_ptr<CacheDisk>> disk)
      : file_(std::move(file)),
        options_(std::move(options)),
        front_(options_.memory_entries, options_.memory_bytes),
        similar_(options_.max_entries + kOnTheirWay) {
    SetLimits(options_);
    if (disk) {
      LoadCounters(**disk);
      SetDisk(std::move(*disk));
    } else {
      DiskTrouble(disk.error());
    }
    if (options_.own_thread) thread_ = std::jthread([this](std::stop_token stop) { WriterMain(stop); });
  }

  ~DiskResultCache() override {
    if (thread_.joinable()) {
      thread_.request_stop();
      thread_.join();  // writes what is in the slot
    } else {
      WriterTurn(/*last=*/true);
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
    auto value = FindOnDisk(key, now, generation);
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
    {
      std::unique_lock lock(queue_mutex_);
      if (!slot_free_.wait_for(lock, kStoreWait, [&] { return !slot_full_; })) {
        ++counters_.skipped;
        return;
      }
      slot_ = Job{.kind = Job::kWrite,
                  .key = key,
                  .value = std::string(value),
                  .question = std::move(question),
                  .epoch = epoch_,
                  .now_us = now};
      slot_full_ = true;
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
      std::lock_guard lock(disk_mutex_);
      stats.on_disk = disk_ != nullptr;
      if (disk_ != nullptr) {
        stats.entries = static_cast<uint64_t>(disk_->entries());
        stats.bytes = static_cast<uint64_t>(disk_->bytes());
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
    similar_.SetLimit(options.max_entries + kOnTheirWay);
    std::lock_guard lock(queue_mutex_);
    epoch_ = options.epoch;
  }

 private:
  Status RunFlush(std::optional<std::string> epoch) {
    std::optional<Status> outcome;
    {
      std::unique_lock lock(queue_mutex_);
      slot_free_.wait(lock, [&] { return !slot_full_; });
      slot_ = Job{.kind = Job::kFlush, .epoch = std::move(epoch), .outcome = &outcome};
      slot_full_ = true;
      wake_.notify_one();
    }
    if (!options_.own_thread) WriterTurn(/*last=*/false);
    std::unique_lock lock(queue_mutex_);
    slot_free_.wait(lock, [&] { return outcome.has_value(); });
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
    uint64_t disk_number;  // which file it is about: the writer may have replaced that one meanwhile
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

  std::optional<std::string> FindOnDisk(const Sha256Digest& key, int64_t now, uint64_t generation) {
    std::optional<CacheDisk::Row> row;
    {
      std::lock_guard lock(disk_mutex_);
      if (disk_ == nullptr) return std::nullopt;
      auto found = disk_->Find(key);
      if (!found) {
        Report({found.error(), disk_number_});
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
        wake_.wait_for(lock, stop, std::min(kTick, options_.disk_retry), [&] { return slot_full_ || reported_; });
      }
      const bool stopping = stop.stop_requested();
      if (!WriterTurn(stopping) && stopping) return;
    }
  }

  // Does what lies in the slot and what has been noted; false when the slot was empty.
  bool WriterTurn(bool last) {
    std::lock_guard turn(writer_mutex_);
    Job job;
    bool has_job = false;
    std::vector<Sha256Digest> touches;
    Removals removals;
    std::optional<ReadError> reported;
    {
      std::lock_guard lock(queue_mutex_);
      has_job = slot_full_;
      if (has_job) job = std::move(slot_);
      touches.swap(touches_);
      removals.swap(removals_);
      reported.swap(reported_);
    }
    if (reported && reported->disk_number == disk_number_) DiskTrouble(reported->error);
    // Before the write, whose eviction goes by them.
    if (!touches.empty() && disk_ != nullptr) {
      const Status touched = disk_->Touch(touches, options_.now_micros());
      if (!touched) DiskTrouble(touched.error());
    }
    std::optional<Status> outcome;
    if (has_job && job.kind == Job::kWrite) Write(job);
    if (has_job && job.kind == Job::kFlush) outcome = FlushNow(job.epoch);
    if (has_job) {
      std::lock_guard lock(queue_mutex_);
      if (job.outcome != nullptr) *job.outcome = std::move(outcome);
      slot_full_ = false;
      slot_free_.notify_all();
    }
    Housekeeping(removals, last);
    return has_job;
  }

  void Write(const Job& job) {
    if (disk_ == nullptr) {
      ++counters_.skipped;
      return;
    }
    const auto evicted = disk_->Write({job.key, job.value, *job.epoch, job.question ? &*job.question : nullptr},
                                      job.now_us, {max_entries_, options_.max_bytes});
    if (evicted) {
      counters_.evictions += evicted->size();
      for (const Sha256Digest& key : *evicted) similar_.Remove(key);
    } else {
      ++counters_.skipped;
      DiskTrouble(evicted.error());
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
      if (disk_ != nullptr) status = disk_->Clear();
      similar_.Clear();
      counters_.SetAllToZero();
    } else if (disk_ != nullptr) {
      const auto removed = disk_->RemoveEpoch(*epoch);
      if (!removed) status = removed.error();
      for (size_t i = 0; removed && i < removed->size(); ++i) similar_.Remove((*removed)[i]);
    }
    if (!status) DiskTrouble(status.error());
    ForgetFront();  // what was read from the disk in between
    return status;
  }

  void Housekeeping(const Removals& removals, bool last) {
    const MonotonicTime now = MonotonicNow();
    if (disk_ == nullptr) {
      if (now - last_attempt_ >= options_.disk_retry && !last) Reopen();
      return;
    }
    const auto watch = [&](const Status& status) {
      if (!status) DiskTrouble(status.error());
      return disk_ != nullptr;
    };
    for (const auto& [key, created_us] : removals) {
      if (!watch(disk_->Remove(key, created_us))) return;
    }
    if (last || now - last_counters_ >= kCountersEvery) {
      last_counters_ = now;
      if (!watch(counters_.Save(*disk_))) return;
    }
    if (!last_purge_ || now - *last_purge_ >= kPurgeEvery) {
      last_purge_ = now;
      const auto removed = disk_->RemoveCreatedBefore(options_.now_micros() - ttl_us_);
      if (!removed) {
        if (!watch(removed.error())) return;
      } else {
        counters_.expired += removed->size();
        for (const Sha256Digest& key : *removed) similar_.Remove(key);
      }
    }
    if (!watch(disk_->CheckpointIfLarge())) return;
    // `bantam cache flush` asks a running server by making this file.
    const std::string marker = file_.string() + ".flush";
    if (!last && ::access(marker.c_str(), F_OK) == 0) {
      const std::string wanted = ReadFile(marker).value_or("");
      const Status flushed = FlushNow(wanted.empty() ? std::nullopt : std::optional(wanted));
      if (flushed && ::unlink(marker.c_str()) == 0) Log(LogLevel::kInfo, "cache {}: flushed on request", Name());
    }
  }

  void AddQuestion(const StoredQuestion& stored) {
    similar_.Add(stored.partition, {stored.key, stored.question, stored.route}, stored.vector);
  }
  // Without them a question is only found as it was asked.
  void ReadQuestions(CacheDisk& disk) {
    const Status read = disk.ReadQuestions([&](const StoredQuestion& stored) { AddQuestion(stored); });
    if (!read) Log(LogLevel::kWarning, "cache {}: similar questions are not found: {}", Name(), read.error().message);
  }
  void LoadCounters(CacheDisk& disk) {
    if (const auto stored = disk.Counters()) counters_.Load(*stored);
  }

  void SetDisk(std::unique_ptr<CacheDisk> disk) {
    if (disk != nullptr) ReadQuestions(*disk);
    std::lock_guard lock(disk_mutex_);
    disk_ = std::move(disk);
    ++disk_number_;
  }

  void Reopen() {
    last_attempt_ = MonotonicNow();
    auto disk = CacheDisk::Open(file_);
    if (!disk) return DiskTrouble(disk.error());
    SetDisk(std::move(*disk));
    Log(LogLevel::kInfo, "cache {}: the disk can be used again", Name());
  }

  // A broken file is replaced. Anything else is the disk's trouble: warned of, and tried again with the next write, or,
  // when there is no open file, after a while.
  void DiskTrouble(const Error& error) {
    ++counters_.disk_errors;
    const MonotonicTime now = MonotonicNow();
    if (error.code == ErrorCode::kCorrupt && disk_ != nullptr) {
      SetDisk(nullptr);
      const Status moved = MoveSqliteAside(file_, error.message);
      if (moved && (!last_replaced_ ||
                    now - *last_replaced_ >= kWarnEvery)) {  // not in a circle, on a disk that garbles everything
        last_replaced_ = now;
        return Reopen();
      }
      last_attempt_ = now;
      return;
    }
    if (disk_ == nullptr) last_attempt_ = now;
    if (last_warning_ && now - *last_warning_ < kWarnEvery) return;
    last_warning_ = now;
    Log(LogLevel::kWarning, "cache {}: answers are kept in memory only: {}", Name(), error.message);
  }

  std::string Name() const { return EscapeForTerminal(file_.string(), 400); }

  const Path file_;
  const CacheOptions options_;
  std::atomic<int64_t> ttl_us_ = 0;
  std::atomic<size_t> max_entries_ = 0;
  CacheCounters counters_;

  mutable std::mutex front_mutex_;
  CacheFront front_;         // guarded by front_mutex_
  uint64_t generation_ = 0;  // guarded by front_mutex_; counts flushes
  SimilarQuestions similar_;

  mutable std::mutex disk_mutex_;    // for the reader's side, and to replace disk_; the writer reads disk_ without it
  std::unique_ptr<CacheDisk> disk_;  // null: memory only. Replaced by the writer alone
  uint64_t disk_number_ = 0;         // counts replacements

  std::mutex queue_mutex_;  // guards the following
  std::condition_variable_any wake_;
  std::condition_variable slot_free_;
  bool slot_full_ = false;  // until its write has been committed
  std::string epoch_;       // of what is stored from now on
  Job slot_;
  std::vector<Sha256Digest> touches_;
  Removals removals_;
  std::optional<ReadError> reported_;

  std::mutex writer_mutex_;  // without a thread: whose turn it is to write. Guards the following
  MonotonicTime last_attempt_{}, last_counters_ = MonotonicNow();
  std::optional<MonotonicTime> last_warning_, last_replaced_, last_purge_;

  std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<ResultCache>> ResultCache::Open(const Path& file, const CacheOptions& options) {
  auto disk = CacheDisk::Open(file);
  if (!disk && disk.error().code == ErrorCode::kConflict) return disk.error();
  return std::make_unique<DiskResultCache>(file, options, std::move(disk));
}

}  // namespace bantam
