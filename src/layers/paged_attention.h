// Causal attention over a KV cache in blocks of kKvBlockTokens tokens. A sequence's block table says which blocks of
// the cache are its own, in the order of its tokens; what its tokens see is written there first.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/isa.h"
#include "layers/activations.h"
#include "layers/parallel.h"

namespace bantam {

// What one token leaves behind in a model, and how it is held.
struct KvCacheShape {
  int num_layers = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  KvType type = kKvF32;
  bool SameSizes(const KvCacheShape& other) const {
    return num_layers == other.num_layers && num_kv_heads == other.num_kv_heads && head_dim == other.head_dim;
  }

  KvCacheShape As(KvType other) const {
    KvCacheShape shape = *this;
    shape.type = other;
    return shape;
  }

  int value_stride() const { return (head_dim + 15) / 16 * 16; }  // the kernels read whole registers
  size_t element_bytes() const { return type == kKvF32 ? 4 : type == kKvQ8 ? 1 : 2; }
  size_t keys_bytes() const {
    return kKvBlockTokens * static_cast<size_t>(type == kKvBf16 ? head_dim + head_dim % 2 : head_dim) * element_bytes();
  }
  size_t values_bytes() const { return kKvBlockTokens * static_cast<size_t>(value_stride()) * element_bytes(); }
  size_t scales_bytes() const {  // of keys, and again of values
    return type != kKvQ8 ? 0 : kKvBlockTokens * static_cast<size_t>((head_dim + kKvGroup - 1) / kKvGroup) * 4;
  }
  // Of one head's keys and values in one block.
  size_t head_bytes() const { return keys_bytes() + values_bytes() + 2 * scales_bytes(); }
  size_t block_bytes() const {
    return static_cast<size_t>(num_layers) * static_cast<size_t>(num_kv_heads) * head_bytes();
  }
};

// "f32", "f16", "bf16", "q8"
std::string_view KvTypeName(KvType type);
std::optional<KvType> ParseKvType(std::string_view name);

// The cache's memory, 64-byte aligned, which belongs to the engine: [blocks][layers][kv heads][keys, values, scales of
// keys, scales of values] (KvHead in kernels/kernel_table.h). What no token was written to holds finite numbers.
struct KvCacheView {
  KvCacheShape shape;
  std::byte* data = nullptr;

  KvHead Head(int layer, int head) const;
};

// k and v: [num_kv_heads * head_dim] of the token at `position`.
void StoreKeyValue(const Kernels& kernels, const KvCacheView& cache, int layer, const int32_t* block_table,
                   int position, const float* k, const float* v);
// The same way back, as it was rounded.
void LoadKeyValue(const KvCacheView& cache, int layer, const int32_t* block_table, int position, float* k, float* v);

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
  void Make(std::span<const PagedSequence> sequences, int num_heads, int num_kv_heads, int head_dim);
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
