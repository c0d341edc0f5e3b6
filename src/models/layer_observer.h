// Looks at a running forward pass after its layers, and may end sequences early: what has ended costs nothing from
// there on, because the packed batch is closed up over it.
#pragma once

#include <cstdint>
#include <span>

namespace bantam {

// Sequences of one batch that are still running, after one layer.
struct LayerOutput {
  int layer = 0;                       // 1 to num_layers()
  std::span<const int32_t> sequences;  // [n], their places in the batch, ascending
  std::span<const int32_t> borders;    // [n + 1], where their rows begin in `hidden`, from 0
  std::span<const float> hidden;       // [borders.back(), hidden_size]
};

class LayerObserver {
 public:
  virtual ~LayerObserver() = default;
  // Layers that nobody looks at are not interrupted. The last one is always shown: that is how the outputs are handed
  // over.
  virtual bool Wants(int layer) const = 0;
  // finished: [n], all zero; 1 ends that sequence. Whatever is wanted of its rows must be taken now. May be called from
  // several threads at once, for different sequences of the batch; a sequence sees its layers in order.
  virtual void AfterLayer(const LayerOutput& output, std::span<uint8_t> finished) = 0;
};

}  // namespace bantam
