#include "layers/paged_attention.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace bantam {

void StoreKeyValue(const KvCacheView& cache, int layer, const int32_t* block_table, int position, const float* k,
                   const float* v) {
  const KvCacheShape& shape = cache.shape;
  const size_t block = static_cast<size_t>(block_table[position / kKvBlockTokens]) * shape.block_floats();
  const ptrdiff_t slot = position % kKvBlockTokens, dim = shape.head_dim;
  for (int head = 0; head < shape.num_kv_heads; ++head, k += dim, v += dim) {
    float* keys = cache.Keys(layer, head) + block + slot;
    for (ptrdiff_t d = 0; d < dim; ++d) keys[d * kKvBlockTokens] = k[d];
    float* values = cache.Values(layer, head) + block + slot * shape.value_stride();
    std::memcpy(values, v, static_cast<size_t>(dim) * sizeof(float));
  }
}

void PagedAttentionPlan::Make(std::span<const PagedSequence> sequences, int num_heads, int num_kv_heads) {
  tasks_.clear();
  int first_row = 0, longest = 0;
  const int group = num_heads / num_kv_heads;
  for (const PagedSequence& sequence : sequences) {
    longest = std::max(longest, sequence.position + sequence.length);
    if (sequence.length == 1) {
      for (int head = 0; head < num_heads; head += group) {
        tasks_.push_back({.tokens = sequence, .first_row = first_row, .head = head, .num_heads = group});
      }
    } else {
      constexpr int kTokensAtOnce = 48;
      const int parts = (sequence.length + kTokensAtOnce - 1) / kTokensAtOnce;
      for (int head = 0; head < num_heads; ++head) {
        for (int part = 0; part < parts; ++part) {
          const Range rows = ShareOf(sequence.length, part, parts);
          tasks_.push_back({.tokens = {sequence.block_table, sequence.position + rows.begin, rows.size()},
                            .first_row = first_row + rows.begin,
                            .head = head});
        }
      }
    }
    first_row += sequence.length;
  }
  scratch_floats_ = PagedAttentionScratch(longest);
}

void PagedAttentionPlan::Run(const Kernels& kernels, const PagedAttentionShape& shape, const KvCacheView& cache,
                             int layer, const Activations& q, const Activations& context, int task,
                             float* scratch) const {
  const Task& work = tasks_[static_cast<size_t>(task)];
  const ptrdiff_t dim = cache.shape.head_dim, column = work.head * dim;
  const int kv_head = work.head / (shape.num_heads / cache.shape.num_kv_heads);
  const bool one_token = work.tokens.length == 1;
  BANTAM_DCHECK(one_token || work.num_heads == 1);
  const PagedAttentionArgs args{.q = q.values + work.first_row * q.stride + column,
                                .q_stride = one_token ? dim : q.stride,
                                .keys = cache.Keys(layer, kv_head),
                                .values = cache.Values(layer, kv_head),
                                .block_stride = static_cast<ptrdiff_t>(cache.shape.block_floats()),
                                .value_stride = cache.shape.value_stride(),
                                .block_table = work.tokens.block_table,
                                .out = context.values + work.first_row * context.stride + column,
                                .out_stride = one_token ? dim : context.stride,
                                .num_rows = one_token ? work.num_heads : work.tokens.length,
                                .head_dim = cache.shape.head_dim,
                                .position = work.tokens.position,
                                .position_step = one_token ? 0 : 1,
                                .window = shape.window,
                                .scale = shape.scale,
                                .softcap = shape.softcap,
                                .scratch = scratch};
  kernels.table.paged_attention(&args);
}

}  // namespace bantam
