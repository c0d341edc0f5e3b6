// One decoder going through one text, with a cache of its own and no engine around it: to look at what it computes.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/decoder.h"
#include "models/weight_memory.h"

namespace bantam {

class DecoderPass {
 public:
  // The decoder and the pool must outlive it. kInvalidArgument for a context that the model does not take.
  static Result<DecoderPass> Create(const Decoder& decoder, ThreadPool& pool, int context, KvType kv_type = kKvF32);

  // `ids` after `num_cached` tokens that went through before, with the same adapters. Logits of the last `rows` of
  // them: [rows, vocab_size], until the next call.
  std::span<float> Next(std::span<const int32_t> ids, int num_cached, int rows, LoraUses adapters = {});

 private:
  DecoderPass(const Decoder& decoder, ThreadPool& pool, WeightMemory cache, const KvCacheShape& shape, int context);

  const Decoder* decoder_;
  ThreadPool* pool_;
  WeightMemory cache_;
  KvCacheShape shape_;
  int context_;
  std::unique_ptr<DecoderWorkspace> workspace_;
  std::vector<int32_t> table_;
  std::vector<float> logits_;
};

}  // namespace bantam
