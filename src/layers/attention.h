// Multi-head self-attention over packed sequences: a token sees its own sequence, all of it unless `causal` or `window`
// hide a part, and nothing of its neighbours.
#pragma once

#include <span>

#include "kernels/isa.h"
#include "layers/activations.h"
#include "layers/parallel.h"
#include "layers/score_bias.h"

namespace bantam {

struct AttentionShape {
  int num_heads = 0;
  int head_dim = 0;
  bool approximate = false;  // to bfloat16's precision where that is faster
  int num_kv_heads = 0;      // so many keys and values, each shared by a group of heads; 0: one for each head
  float scale = 0;           // of the scores; 0: 1 / sqrt(head_dim)
  bool causal = false;       // no token sees a later one
  int window = 0;            // nor one further away than this; 0: no such limit
  const ScoreBias* bias = nullptr;

  int kv_heads() const { return num_kv_heads > 0 ? num_kv_heads : num_heads; }
};

// Floats of scratch that each worker needs.
size_t AttentionScratchSize(const AttentionShape& shape, int longest_sequence);

// qkv: [num_tokens, (num_heads + 2 * kv_heads) * head_dim], queries then keys then values; cu_seqlens: [num_sequences +
// 1], relative to the first row. context: [num_tokens, num_heads * head_dim]. scratch(worker) gives each worker its
// floats. num_keys: [num_sequences], how many first tokens of a sequence its tokens see, at least 1; empty: all.
template <typename Scratch>
void ApplyAttention(const Kernels& kernels, const AttentionShape& shape, const Activations& qkv,
                    std::span<const int32_t> cu_seqlens, const Activations& context, const Parallel& parallel,
                    const Scratch& scratch, std::span<const int32_t> num_keys = {});

// One head of one sequence, for the queries of `rows` only, which see its first num_keys tokens.
void AttendHead(const Kernels& kernels, const AttentionShape& shape, const Activations& sequence_qkv,
                int sequence_length, int num_keys, int head, Range rows, const Activations& sequence_context,
                float* scratch);

// How many parts each head's queries are cut into so that every thread has work.
int QueryParts(const AttentionShape& shape, int num_sequences, int num_tokens, int num_threads);

template <typename Scratch>
void ApplyAttention(const Kernels& kernels, const AttentionShape& shape, const Activations& qkv,
                    std::span<const int32_t> cu_seqlens, const Activations& context, const Parallel& parallel,
                    const Scratch& scratch, std::span<const int32_t> num_keys) {
  const int num_sequences = static_cast<int>(cu_seqlens.size()) - 1;
  const int parts = QueryParts(shape, num_sequences, cu_seqlens.back() - cu_seqlens.front(), parallel.num_threads());
  parallel.Run(num_sequences * shape.num_heads * parts, [&](int task, int worker) {
    const int sequence = task / (shape.num_heads * parts), head = task / parts % shape.num_heads, part = task % parts;
    const int first = cu_seqlens[sequence] - cu_seqlens[0], length = cu_seqlens[sequence + 1] - cu_seqlens[sequence];
    const Range rows = ShareOf(length, part, parts);
    if (rows.size() == 0) return;
    const int keys = num_keys.empty() ? length : num_keys[sequence];
    AttendHead(kernels, shape, qkv.From(first), length, keys, head, rows, context.From(first), scratch(worker));
  });
}

}  // namespace bantam
