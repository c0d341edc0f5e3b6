#include "layers/attention.h"

#include <cmath>

namespace bantam {

size_t AttentionScratchSize(const AttentionShape& shape, int longest_sequence) {
  return AttentionScratch(longest_sequence, shape.head_dim);
}

int QueryParts(const AttentionShape& shape, int num_sequences, int num_tokens, int num_threads) {
  const int heads = num_sequences * shape.num_heads;
  // Every part transposes the head's keys again, so a part should be worth it.
  constexpr int kQueriesPerPart = 48;
  int parts = 1;
  while (heads * parts < num_threads && num_tokens / (num_sequences * parts) > kQueriesPerPart) ++parts;
  return parts;
}

void AttendHead(const Kernels& kernels, const AttentionShape& shape, const Activations& sequence_qkv,
                int sequence_length, int head, Range rows, const Activations& sequence_context, float* scratch) {
  const ptrdiff_t width = static_cast<ptrdiff_t>(shape.num_heads) * shape.head_dim, column = head * shape.head_dim;
  const float* qkv = sequence_qkv.values + column;
  const AttentionArgs args{.q = qkv + rows.begin * sequence_qkv.stride,
                           .k = qkv + width,
                           .v = qkv + 2 * width,
                           .qkv_stride = sequence_qkv.stride,
                           .out = sequence_context.values + rows.begin * sequence_context.stride + column,
                           .out_stride = sequence_context.stride,
                           .num_queries = rows.size(),
                           .num_keys = sequence_length,
                           .head_dim = shape.head_dim,
                           .scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim)),
                           .scratch = scratch};
  (shape.approximate ? kernels.table.attention_approximate : kernels.table.attention)(&args);
}

}  // namespace bantam
