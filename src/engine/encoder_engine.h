// Many requests through one encoder: a bounded queue in front of one engine thread, which takes whatever waits (up to a
// token budget) as one packed batch. No request waits for a batch to fill.
//
//   auto engine = EncoderEngine::Create(std::move(encoder), {.num_threads = 2});
//   Status accepted = engine->Submit({.token_ids = ids, .done = [](Result<std::vector<float>> v) { ... }});
//   Result<std::vector<float>> v = engine->Encode({.token_ids = ids});   // waits; the quickest way when the engine is
//   idle
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "engine/encode_job.h"
#include "models/encoder.h"

namespace bantam {

struct EngineOptions {
  int num_threads = 0;  // 0 = ThreadPool::DefaultThreads()
  size_t max_queued_requests = 256;
  size_t max_batch_tokens = 4096;
  // False: the engine starts no thread of its own, and num_threads = 1 starts none at all. Whoever calls computes, the
  // requests of others that wait too, and Submit has done its work when it returns.
  bool own_thread = true;
};

struct EncodeRequest {
  std::vector<int32_t> token_ids = {};
  PoolingMode pooling = PoolingMode::kMean;
  bool normalize = true;
  const SentenceHead* head = nullptr;  // as in EncodeList
  size_t skip_tokens = 0;
  MonotonicTime deadline = MonotonicTime::max();
  // May end the text before the last layer; the answer is then the pooled vector of that layer. Null: all layers, as an
  // embedding needs them. Must live until `done` is called, or the request is refused.
  ExitJudge* judge = nullptr;
  // Called exactly once, on the engine thread (or the submitting thread when refused); must not block.
  std::function<void(Result<std::vector<float>>)> done = {};  // [hidden_size], or the head's dimensions
};

// Offline work.
struct EncodeListOptions {
  PoolingMode pooling = PoolingMode::kMean;
  bool normalize = true;
  const SentenceHead* head = nullptr;  // as in EncodeList
  size_t skip_tokens = 0;
  MonotonicTime deadline = MonotonicTime::max();  // looked at before each batch
  // The layers whose pooled vectors are wanted, ascending from 1: each text's row of `out` is then theirs, one after
  // the other. Empty: the last one's.
  std::span<const int> layers = {};
  std::function<void(size_t done)> progress = {};  // called on this thread after each batch, or empty
};

struct EngineStats {
  uint64_t requests = 0;  // sequences answered
  uint64_t repeated = 0;  // those of them that equal another one of their batch, which was computed for both
  uint64_t batches = 0, tokens = 0;
  uint64_t refused = 0;  // queue full
  uint64_t expired = 0;  // deadline passed before it was computed
  size_t queued = 0;
};

// Everything may be called from any thread, except the destructor, which must be the last call.
class EncoderEngine {
 public:
  static std::unique_ptr<EncoderEngine> Create(std::unique_ptr<Encoder> encoder, const EngineOptions& options);
  virtual ~EncoderEngine() = default;  // finishes what is queued with kCancelled
  // kOverloaded at once when the queue is full, kInvalidArgument for ids that the model cannot take: then `done` is
  // never called. A request whose deadline passes in the queue ends with kDeadline and is not computed. Weights that
  // give numbers that are not finite end with kCorrupt.
  virtual Status Submit(EncodeRequest request) = 0;
  // The same, waiting for the answer; `request.done` is not used. Computes on the calling thread when the engine is
  // idle, which saves two thread switches; otherwise it queues like Submit.
  virtual Result<std::vector<float>> Encode(EncodeRequest request) = 0;
  // Both for a list of sequences, one request in the queue, and without allocating anything. A list of more than one
  // batch gives way to others after each. An error is the first one of its sequences.
  virtual Status Submit(EncodeJob& job) = 0;
  virtual Status Run(const EncodeList& list) = 0;
  // Long lists, offline, whatever waits in the queue: blocks until done, and takes turns with the queue after each
  // batch. Equal texts of the whole list are computed once. out: [num_texts, hidden_size], or
  // [num_texts, layers, hidden_size]; with a head its dimensions in place of hidden_size
  virtual Status EncodeAll(std::span<const std::vector<int32_t>> token_ids, const EncodeListOptions& options,
                           std::span<float> out) = 0;
  virtual const Encoder& encoder() const = 0;
  virtual EngineStats Stats() const = 0;
};

}  // namespace bantam
