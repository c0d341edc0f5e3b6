#include "learn/decoder_pass.h"

#include <numeric>

namespace bantam {

constexpr int kLeastContext = 8;

Result<DecoderPass> DecoderPass::Create(const Decoder& decoder, ThreadPool& pool, int context, KvType kv_type) {
  if (context < kLeastContext || context > decoder.max_positions()) {
    return Err(ErrorCode::kInvalidArgument, "a context of {} tokens: this model takes {} to {}", context, kLeastContext,
               decoder.max_positions());
  }
  const int num_blocks = (context + kKvBlockTokens - 1) / kKvBlockTokens;
  const KvCacheShape shape = decoder.kv_shape().As(kv_type);
  BANTAM_TRY(WeightMemory cache, WeightMemory::Allocate(static_cast<size_t>(num_blocks) * shape.block_bytes()));
  return DecoderPass(decoder, pool, std::move(cache), shape, context);
}

DecoderPass::DecoderPass(const Decoder& decoder, ThreadPool& pool, WeightMemory cache, const KvCacheShape& shape,
                         int context)
    : decoder_(&decoder),
      pool_(&pool),
      cache_(std::move(cache)),
      shape_(shape),
      context_(context),
      workspace_(decoder.NewWorkspace()) {
  table_.resize(static_cast<size_t>((context + kKvBlockTokens - 1) / kKvBlockTokens));
  std::iota(table_.begin(), table_.end(), 0);
}

std::span<float> DecoderPass::Next(std::span<const int32_t> ids, int num_cached, int rows, LoraUses adapters) {
  const auto count = static_cast<int32_t>(ids.size());
  // Every part has the positions of the whole window.
  const int32_t borders[] = {0, count}, cached[] = {num_cached}, lengths[] = {context_};
  const int32_t* table = table_.data();
  std::vector<int32_t> wanted(static_cast<size_t>(rows));
  std::iota(wanted.begin(), wanted.end(), count - rows);
  logits_.resize(wanted.size() * static_cast<size_t>(decoder_->vocab_size()));
  const KvCacheView cache{.shape = shape_, .data = cache_.writable().data()};
  decoder_->Forward({.token_ids = ids,
                     .cu_seqlens = borders,
                     .num_cached = cached,
                     .block_tables = {&table, 1},
                     .cache = cache,
                     .logits_rows = wanted,
                     .adapters = {&adapters, adapters.empty() ? size_t{0} : size_t{1}},
                     .sequence_lengths = lengths},
                    *workspace_, *pool_, logits_);
  return logits_;
}

}  // namespace bantam
