// Submit and Cancel leave their wishes under a mutex; the engine's thread takes them between two steps, so that the
// loop itself needs no locks.
#include "engine/generation_engine.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "models/weight_memory.h"

namespace bantam {
namespace {

class EngineImpl final : public GenerationEngine {
 public:
  EngineImpl(std::unique_ptr<Decoder> decoder, WeightMemory cache, const KvCacheShape& shape,
             const GenerationOptions& options, const LoopOptions& loop_options)
      : max_queued_(options.max_queued_requests),
        decoder_(std::move(decoder)),
        cache_(std::move(cache)),
        pool_(options.num_threads > 0 ? options.num_threads : ThreadPool::DefaultThreads()),
        loop_(*decoder_, pool_, {.shape = shape, .data = cache_.writable().data()}, loop_options),
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
    if (arrivals_.size() + static_cast<size_t>(stats_.waiting) >= max_queued_) {
      return Err(ErrorCode::kOverloaded, "{} requests wait already; try again later", max_queued_);
    }
    const uint64_t id = next_id_++;
    arrivals_.push_back({id, std::move(request)});
    changed_.notify_one();
    return id;
  }

  void Cancel(uint64_t id) override {
    std::lock_guard lock(mutex_);
    cancelled_.push_back(id);
    changed_.notify_one();
  }

  const Decoder& decoder() const override { return *decoder_; }
  int max_tokens() const override { return loop_.max_tokens(); }
  int num_threads() const override { return pool_.num_threads(); }
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

  void ThreadMain() {
    std::vector<Arrival> arrivals;
    std::vector<uint64_t> cancelled;
    bool busy = false;
    while (true) {
      {
        std::unique_lock lock(mutex_);
        stats_ = loop_.Stats();
        changed_.wait(lock, [&] { return busy || stopping_ || !arrivals_.empty() || !cancelled_.empty(); });
        if (stopping_) return;
        arrivals.swap(arrivals_);
        cancelled.swap(cancelled_);
        stats_.waiting += static_cast<int>(arrivals.size());
      }
      for (Arrival& arrival : arrivals) loop_.Add(arrival.id, std::move(arrival.request));
      for (const uint64_t id : cancelled) loop_.Cancel(id);
      arrivals.clear();
      cancelled.clear();
      busy = loop_.Step();
    }
  }

  const size_t max_queued_;
  const std::unique_ptr<Decoder> decoder_;
  WeightMemory cache_;
  ThreadPool pool_;
  GenerationLoop loop_;  // of the engine's thread, but for Check and max_tokens

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Arrival> arrivals_;
  std::vector<uint64_t> cancelled_;
  uint64_t next_id_ = 1;
  bool stopping_ = false;
  GenerationStats stats_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

KvType DefaultKvType(WeightType weights) { return weights == WeightType::kF32 ? kKvF32 : kKvBf16; }

Result<std::unique_ptr<GenerationEngine>> GenerationEngine::Create(std::unique_ptr<Decoder> decoder,
                                                                   const GenerationOptions& options) {
  int tokens = options.cache_tokens;
  if (tokens <= 0) tokens = std::min(decoder->max_positions(), GenerationOptions::kDefaultCacheTokens);
  const int num_blocks = std::max(1, (tokens + kKvBlockTokens - 1) / kKvBlockTokens);
  const KvCacheShape shape = decoder->kv_shape().As(options.kv_type.value_or(DefaultKvType(decoder->weight_type())));
  BANTAM_TRY(WeightMemory cache, WeightMemory::Allocate(static_cast<size_t>(num_blocks) * shape.block_bytes()));
  const LoopOptions loop{.num_blocks = num_blocks,
                         .max_batch_tokens = options.max_batch_tokens,
                         .max_sequences = options.max_sequences,
                         .prefix_cache = options.prefix_cache};
  return std::unique_ptr<GenerationEngine>(
      std::make_unique<EngineImpl>(std::move(decoder), std::move(cache), shape, options, loop));
}

}  // namespace bantam
