// Submit and Cancel leave their wishes under a mutex; the engine's thread takes them between two steps, so that the
// loop itself needs no locks.
#include "engine/generation_engine.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "engine/drain_rate.h"
#include "models/weight_memory.h"

namespace bantam {
namespace {

class EngineImpl final : public GenerationEngine {
 public:
  EngineImpl(std::unique_ptr<Decoder> decoder, WeightMemory cache, const KvCacheShape& shape,
             std::unique_ptr<Decoder> draft, std::optional<WeightMemory> draft_cache, const GenerationOptions& options,
             const LoopOptions& loop_options)
      : max_queued_(options.max_queued_requests),
        kv_type_(shape.type),
        decoder_(std::move(decoder)),
        draft_(std::move(draft)),
        cache_(std::move(cache)),
        draft_cache_(std::move(draft_cache)),
        pool_(options.num_threads > 0 ? options.num_threads : ThreadPool::DefaultThreads()),
        loop_(*decoder_, pool_, {.shape = shape, .data = cache_.writable().data()}, loop_options, Draft(options)),
        stats_(loop_.Stats()),
        thread_([this] { ThreadMain(); }) {}

  ~EngineImpl() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
    for (const Arrival& arrival : arrivals_) {
      if (arrival.request.listener == nullptr) continue;
      arrival.request.listener->OnDone(Err(ErrorCode::kCancelled, "the engine stopped before the text was written"));
    }
  }

  Result<uint64_t> Submit(GenerationRequest request) override {
    BANTAM_RETURN_IF_ERROR(loop_.Check(request));  // reads nothing that changes
    std::lock_guard lock(mutex_);
    const size_t queued = Queued();
    if (queued >= max_queued_ && !request.joins) BANTAM_RETURN_IF_ERROR(MakeRoomFor(request.key));
    if (queued == 0 && stats_.running == 0) drain_.Start(MonotonicNow());
    ++waiting_of_[request.key];
    const uint64_t id = next_id_++;
    arrivals_.push_back({id, std::move(request)});
    changed_.notify_one();
    return id;
  }

  std::optional<Error> Refusal(const std::string& key) const override {
    std::lock_guard lock(mutex_);
    if (Queued() < max_queued_ || LongerQueueThan(key) != waiting_of_.end()) return std::nullopt;
    return Full();
  }

  void Cancel(uint64_t id) override {
    std::lock_guard lock(mutex_);
    cancelled_.push_back(id);
    changed_.notify_one();
  }

  const Decoder& decoder() const override { return *decoder_; }
  const Decoder* draft_decoder() const override { return draft_.get(); }
  int max_tokens() const override { return loop_.max_tokens(); }
  int num_threads() const override { return pool_.num_threads(); }
  KvType kv_type() const override { return kv_type_; }
  int RetryAfter() const override {
    std::lock_guard lock(mutex_);
    return drain_.RetryAfter(max_queued_, MonotonicNow());
  }
  GenerationStats Stats() const override {
    std::lock_guard lock(mutex_);
    GenerationStats stats = stats_;
    stats.waiting += static_cast<int>(arrivals_.size());
    return stats;
  }

 private:
  struct Arrival {
    uint64_t id;
    GenerationRequest request;
  };

  DraftDecoder Draft(const GenerationOptions& options) {
    if (draft_ == nullptr) return {};
    return {.decoder = draft_.get(),
            .cache = {.shape = CacheShapeOf(*draft_, options.kv_type), .data = draft_cache_->writable().data()}};
  }

  Error Full() const {
    return Err(ErrorCode::kOverloaded, "{} requests wait already; try again in {} s", max_queued_,
               drain_.RetryAfter(max_queued_, MonotonicNow()));
  }

  size_t Queued() const { return arrivals_.size() + static_cast<size_t>(stats_.waiting) - given_up_.size(); }

  // The longest queue, where it stays longer than the key's own with one more; else the end.
  std::unordered_map<std::string, int>::const_iterator LongerQueueThan(const std::string& key) const {
    const auto most = std::ranges::max_element(waiting_of_, {}, [](const auto& entry) { return entry.second; });
    const auto own = waiting_of_.find(key);
    const bool longer = most != waiting_of_.end() && most->second > (own == waiting_of_.end() ? 0 : own->second) + 1;
    return longer ? most : waiting_of_.end();
  }

  // The longest queue gives way, so that a key with hundreds of requests does not shut the others out.
  Status MakeRoomFor(const std::string& key) {
    const auto most = LongerQueueThan(key);
    if (most == waiting_of_.end()) return Full();
    given_up_.push_back(most->first);
    --waiting_of_[most->first];
    return Ok();
  }

  void ThreadMain() {
    std::vector<Arrival> arrivals;
    std::vector<uint64_t> cancelled;
    std::vector<std::string> given_up;
    std::optional<Error> full;
    uint64_t num_given_up = 0;
    bool busy = false;
    while (true) {
      {
        std::unique_lock lock(mutex_);
        const GenerationStats stats = loop_.Stats();
        drain_.Ended(stats.requests - stats_.requests - num_given_up, MonotonicNow());
        // What nobody waits with is nobody's count: no key stays for ever.
        if (stats.waiting > 0 || stats_.waiting > 0 || !waiting_of_.empty()) {
          waiting_of_ = loop_.WaitingByKey();
          for (const Arrival& arrival : arrivals_) ++waiting_of_[arrival.request.key];
          for (const std::string& key : given_up_) --waiting_of_[key];
        }
        stats_ = stats;
        changed_.wait(lock, [&] { return busy || stopping_ || !arrivals_.empty() || !cancelled_.empty(); });
        if (stopping_) return;
        arrivals.swap(arrivals_);
        cancelled.swap(cancelled_);
        given_up.swap(given_up_);
        if (!given_up.empty()) full = Full();
        stats_.waiting += static_cast<int>(arrivals.size()) - static_cast<int>(given_up.size());
      }
      for (Arrival& arrival : arrivals) loop_.Add(arrival.id, std::move(arrival.request));
      for (const uint64_t id : cancelled) loop_.Cancel(id);
      num_given_up = 0;  // which is no work that was done
      for (const std::string& key : given_up) num_given_up += loop_.GiveUp(key, *full) ? 1 : 0;
      given_up.clear();
      arrivals.clear();
      cancelled.clear();
      busy = loop_.Step();
    }
  }

  const size_t max_queued_;
  const KvType kv_type_;
  const std::unique_ptr<Decoder> decoder_, draft_;
  WeightMemory cache_;
  std::optional<WeightMemory> draft_cache_;
  ThreadPool pool_;
  GenerationLoop loop_;  // of the engine's thread, but for Check and max_tokens

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Arrival> arrivals_;
  std::vector<uint64_t> cancelled_;
  std::vector<std::string> given_up_;                // keys whose last waiting request ends
  std::unordered_map<std::string, int> waiting_of_;  // requests of each key that have not begun
  DrainRate drain_;
  uint64_t next_id_ = 1;
  bool stopping_ = false;
  GenerationStats stats_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

KvCacheShape CacheShapeOf(const Decoder& decoder, std::optional<KvType> type) {
  return decoder.kv_shape().As(type.value_or(DefaultKvType(decoder.weight_type())));
}

KvType DefaultKvType(WeightType weights) { return weights == WeightType::kF32 ? kKvF32 : kKvBf16; }

Result<std::unique_ptr<GenerationEngine>> GenerationEngine::Create(std::unique_ptr<Decoder> decoder,
                                                                   const GenerationOptions& options,
                                                                   std::unique_ptr<Decoder> draft) {
  if (draft != nullptr && (decoder->start_token() || draft->start_token())) {
    return Err(ErrorCode::kUnsupported, "drafts of a second model are not known for models with an encoder");
  }
  int tokens = options.cache_tokens;
  if (tokens <= 0) tokens = std::min(decoder->max_positions(), GenerationOptions::kDefaultCacheTokens);
  const int num_blocks = std::max(1, BlocksFor(tokens));
  const KvCacheShape shape = CacheShapeOf(*decoder, options.kv_type);
  BANTAM_TRY(WeightMemory cache, WeightMemory::Allocate(static_cast<size_t>(num_blocks) * shape.block_bytes()));
  std::optional<WeightMemory> draft_cache;
  if (draft != nullptr) {
    const size_t draft_bytes = static_cast<size_t>(num_blocks) * CacheShapeOf(*draft, options.kv_type).block_bytes();
    BANTAM_TRY(draft_cache, WeightMemory::Allocate(draft_bytes));
  }
  const LoopOptions loop{.num_blocks = num_blocks,
                         .max_batch_tokens = options.max_batch_tokens,
                         .max_sequences = options.max_sequences,
                         .prefix_cache = options.prefix_cache,
                         .speculation = options.speculation};
  return std::unique_ptr<GenerationEngine>(std::make_unique<EngineImpl>(
      std::move(decoder), std::move(cache), shape, std::move(draft), std::move(draft_cache), options, loop));
}

}  // namespace bantam
