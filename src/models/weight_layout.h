// Where the packed weights of a model lie in its one block of memory. The layout follows from the config and the weight
// plan alone, so the block can be written to a file and mapped again. Every architecture lays its layers out with this
// and fills them with a WeightReader.
#pragma once

#include "layers/embedding.h"
#include "layers/layer_norm.h"
#include "layers/linear.h"

namespace bantam {

// Hands out 64-byte aligned pieces of the block in order; with a null block it only adds up sizes.
class WeightLayout {
 public:
  explicit WeightLayout(const std::byte* block) : block_(block) {}

  template <typename T>
  const T* Take(size_t count) {
    const size_t begin = total_bytes_;
    total_bytes_ = (begin + count * sizeof(T) + 63) / 64 * 64;
    return block_ == nullptr ? nullptr : reinterpret_cast<const T*>(block_ + begin);
  }
  Linear TakeLinear(WeightType type, int in_features, int out_features);
  // A matrix of blocks, which a Linear is made of, or a table of words, or both.
  BlockMatrix TakeBlocks(BlockFormat format, int in_features, int out_features);
  LayerNorm TakeNorm(int size, float epsilon);
  // The word table of `embedding`, whose hidden_size is set.
  void TakeWords(WeightType type, int vocab_size, Embedding& embedding);

  size_t total_bytes() const { return total_bytes_; }

 private:
  const std::byte* block_;
  size_t total_bytes_ = 0;
};

// The views are read-only for everybody but the reader that fills the block they lie in.
template <typename T>
std::span<T> Fill(const T* where, size_t count) {
  return {const_cast<T*>(where), count};
}

}  // namespace bantam
