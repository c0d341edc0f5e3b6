// Many requests through one encoder: a bounded queue in front of one engine thread, which takes whatever waits (up to a
// token budget) as one packed batch. No request waits for a batch to fill.
//
//   auto engine = EncoderEngine::Create(std::move(encoder), {.num_threads = 2});
//   Result<std::vector<float>> v = engine->Submit({ids, pooling, ...}).get();
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "models/encoder.h"

namespace bantam {

struct EngineOptions {
  int num_threads = 0;            // 0 = ThreadPool::DefaultThreads()
  size_t max_queued_requests = 256;
  size_t max_batch_tokens = 4096;
};

struct EncodeRequest {
  std::vector<int32_t> token_ids;
  PoolingMode pooling = PoolingMode::kMean;
  bool normalize = true;
  MonotonicTime deadline = MonotonicTime::max();
  // Called exactly once, on the engine thread (or the submitting thread when refused); must not block.
  std::function<void(Result<std::vector<float>>)> done;   // [hidden_size]
};

struct EngineStats {
  uint64_t requests = 0, batches = 0, tokens = 0, refused = 0, expired = 0;
  size_t queued = 0;
};

// Submit, Cancel and Stats may be called from any thread.
class EncoderEngine {
 public:
  static std::unique_ptr<EncoderEngine> Create(std::unique_ptr<Encoder> encoder, const EngineOptions& options);
  virtual ~EncoderEngine() = default;  // finishes what is queued with kCancelled
  // kOverloaded at once when the queue is full: then `done` is never called.
  virtual Status Submit(EncodeRequest request) = 0;
  // Whole lists (training, offline embedding): runs outside the request queue's limit, blocks until done.
  // out: [num_texts, hidden_size]
  virtual Status EncodeAll(std::span<const std::vector<int32_t>> token_ids, PoolingMode pooling, bool normalize,
                           std::span<float> out, const std::function<void(size_t done)>& progress) = 0;
  virtual const Encoder& encoder() const = 0;
  virtual EngineStats Stats() const = 0;
};

}  // namespace bantam
