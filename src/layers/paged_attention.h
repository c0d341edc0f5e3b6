// Causal attention over a KV cache in blocks of kKvBlockTokens tokens. A sequence's block table says which blocks of
// the cache are its own, in the order of its tokens; what its tokens see is written there first.
#pragma once

#include <span>
#include <vector>

#include "kernels/isa.h"
#include "layers/activations.h"
#include "layers/parallel.h"

namespace bantam {

// What one token leaves behind in a model.
struct KvCacheShape {
  int num_layers = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  bool operator==(const KvCacheShape&) const = default;

  int value_stride() const { return (head_dim + 15) / 16 * 16; }  // the kernels read whole registers
  // Floats of one head's keys and values in one block.
  size_t head_floats() const {
    return static_cast<size_t>(kKvBlockTokens) * static_cast<size_t>(head_dim + value_stride());
  }
  size_t block_floats() const {
    return static_cast<size_t>(num_layers) * static_cast<size_t>(num_kv_heads) * head_floats();
  }
};

// The cache's memory, which belongs to the engine: [blocks][layers][kv heads][keys [head_dim][tokens], values
// [tokens][value_stride]]. What no token was written to holds finite numbers.
struct KvCacheView {
  KvCacheShape shape;
  float* data = nullptr;

  float* Keys(int layer, int head) const {
    return data + static_cast<size_t>(layer * shape.num_kv_heads + head) * shape.head_floats();
  }
  float* Values(int layer, int head) const {
    return Keys(layer, head) + static_cast<size_t>(kKvBlockTokens) * static_cast<size_t>(shape.head_dim);
  }
};

// k and v: [num_kv_heads * head_dim] of the token at `position`.
void StoreKeyValue(const KvCacheView& cache, int layer, const int32_t* block_table, int position, const float* k,
                   const float* v);

struct PagedAttentionShape {
  int num_heads = 0;
  float scale = 0;
  float softcap = 0;  // 0: none
  int window = 0;     // how many tokens a token sees, itself included; 0: all before it
};

// So many consecutive tokens of one sequence, whose keys and values and those of all tokens before are in the cache.
struct PagedSequence {
  const int32_t* block_table = nullptr;
  int position = 0;  // of the first of them
  int length = 0;
};

// The work of one step cut into pieces for threads, the same in every layer: for a single token the heads that share
// keys together, for more tokens each head alone, a few dozen tokens at once.
class PagedAttentionPlan {
 public:
  void Make(std::span<const PagedSequence> sequences, int num_heads, int num_kv_heads);
  int num_tasks() const { return static_cast<int>(tasks_.size()); }
  size_t scratch_floats() const { return scratch_floats_; }

  // q: [num_tokens, num_heads * head_dim], the sequences one after the other; context alike.
  void Run(const Kernels& kernels, const PagedAttentionShape& shape, const KvCacheView& cache, int layer,
           const Activations& q, const Activations& context, int task, float* scratch) const;

 private:
  struct Task {
    PagedSequence tokens;
    int first_row = 0;
    int head = 0, num_heads = 1;  // query heads
  };
  std::vector<Task> tasks_;
  size_t scratch_floats_ = 0;
};

}  // namespace bantam
