#include "layers/attention.h"

#include <cmath>

namespace bantam {
namespace {

// Where the scratch of the bias begins: on a cache line.
size_t BiasOffset(const AttentionShape& shape, int sequence_length) {
  return (AttentionScratch(sequence_length, shape.head_dim) + 15) / 16 * 16;
}

}  // namespace

size_t AttentionScratchSize(const AttentionShape& shape, int longest_sequence) {
  const size_t bias = shape.bias == nullptr ? 0 : shape.bias->ScratchSize(longest_sequence);
  return BiasOffset(shape, longest_sequence) + bias;
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
                int sequence_length, int num_keys, int head, Range rows, const Activations& sequence_context,
                float* scratch) {
  const ptrdiff_t dim = shape.head_dim, column = head * dim, kv_width = shape.kv_heads() * dim;
  const ptrdiff_t kv_column = head / (shape.num_heads / shape.kv_heads()) * dim;
  float* k = sequence_qkv.values + shape.num_heads * dim + kv_column;
  ScoreBias::View bias{nullptr, 0};
  if (shape.bias != nullptr) {
    const Activations q{.values = sequence_qkv.values + column, .stride = sequence_qkv.stride};
    bias = shape.bias->Compute(kernels, q, {.values = k, .stride = sequence_qkv.stride}, sequence_length, head, rows,
                               scratch + BiasOffset(shape, sequence_length));
  }
  // A token that stands too far behind the last key for its window would see none at all.
  const bool sees_nothing = shape.window > 0 && rows.end - 1 - shape.window >= num_keys;
  const AttentionArgs args{
      .q = sequence_qkv.values + column + rows.begin * sequence_qkv.stride,
      .k = k,
      .v = k + kv_width,
      .qkv_stride = sequence_qkv.stride,
      .out = sequence_context.values + rows.begin * sequence_context.stride + column,
      .out_stride = sequence_context.stride,
      .num_queries = rows.size(),
      .num_keys = num_keys,
      .head_dim = shape.head_dim,
      .scale = shape.scale > 0 ? shape.scale : 1.0f / std::sqrt(static_cast<float>(shape.head_dim)),
      .scratch = scratch,
      .bias = bias.values,
      .bias_stride = bias.stride,
      .causal = shape.causal ? 1 : 0,
      .window = sees_nothing ? 0 : shape.window,
      .query_position = rows.begin};
  (shape.approximate ? kernels.table.attention_approximate : kernels.table.attention)(&args);
}

}  // namespace bantam
