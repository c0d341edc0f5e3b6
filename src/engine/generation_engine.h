// Many requests for text through one decoder: a bounded queue in front of one engine thread, which computes them side
// by side (generation_loop.h).
//
//   BANTAM_TRY(auto engine, GenerationEngine::Create(std::move(decoder), {.num_threads = 2}));
//   BANTAM_TRY(uint64_t id, engine->Submit({.prompt_ids = ids, .max_tokens = 64, .listener = &listener}));
//   engine->Cancel(id);   // the listener hears OnDone(kCancelled), within one step
#pragma once

#include <memory>
#include <optional>

#include "engine/generation.h"
#include "engine/generation_loop.h"

namespace bantam {

struct GenerationOptions {
  int num_threads = 0;  // 0 = ThreadPool::DefaultThreads()
  size_t max_queued_requests = 256;
  // Of all sequences together, rounded up to whole blocks; 0: the longest sequence that the model allows, at most
  // kDefaultCacheTokens. Memory is used as the cache fills.
  int cache_tokens = 0;
  std::optional<KvType> kv_type = std::nullopt;  // none: DefaultKvType
  int max_batch_tokens = 256;
  int max_sequences = 32;
  bool prefix_cache = true;
  SpeculationOptions speculation = {};
  static constexpr int kDefaultCacheTokens = 16'384;
};

// What keys and values are held as: f32 beside f32 weights, for those who want the reference's numbers; else bf16:
// half the memory, what it loses disappears beside the rounding of activations, and AVX-512 BF16 multiplies it as it
// is.
KvType DefaultKvType(WeightType weights);
KvCacheShape CacheShapeOf(const Decoder& decoder, std::optional<KvType> type);  // none: the default

// Everything may be called from any thread, except the destructor, which must be the last call. Listeners hear from the
// engine's thread.
class GenerationEngine {
 public:
  // draft: a smaller decoder with the same vocabulary, whose drafts this one verifies; or null. kOutOfMemory when the
  // cache does not fit into the address space.
  static Result<std::unique_ptr<GenerationEngine>> Create(std::unique_ptr<Decoder> decoder,
                                                          const GenerationOptions& options,
                                                          std::unique_ptr<Decoder> draft = nullptr);
  virtual ~GenerationEngine() = default;  // what is left ends with kCancelled
  // kOverloaded when the queue is full (RetryAfter says when to try again), kInvalidArgument for what can never run:
  // then the listener hears nothing. In a full queue the key that waits with the most requests makes
  // room for one that waits with fewer: the last of its own ends with kOverloaded.
  virtual Result<uint64_t> Submit(GenerationRequest request) = 0;
  // What Submit would say at this moment to a request of this key because of the queue, before the work of making one.
  virtual std::optional<Error> Refusal(const std::string& key) const = 0;
  // A request that has ended, or never was, is no error.
  virtual void Cancel(uint64_t id) = 0;
  virtual const Decoder& decoder() const = 0;
  virtual const Decoder* draft_decoder() const = 0;  // null: none
  virtual int max_tokens() const = 0;                // of prompt and text together
  virtual int num_threads() const = 0;
  virtual KvType kv_type() const = 0;
  // The seconds after which a full queue has emptied, as it does now.
  virtual int RetryAfter() const = 0;
  virtual GenerationStats Stats() const = 0;
};

}  // namespace bantam
