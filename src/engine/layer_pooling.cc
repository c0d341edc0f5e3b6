#include "engine/layer_pooling.h"

#include <algorithm>

#include "layers/pooling.h"

namespace bantam {

bool LayerPooling::Wants(int layer) const {
  if (!layers_.empty()) return std::binary_search(layers_.begin(), layers_.end(), layer);
  return layer == num_layers_ || std::any_of(sequences_.begin(), sequences_.end(), [&](const Sequence& sequence) {
           return sequence.judge != nullptr && sequence.judge->Wants(layer);
         });
}

void LayerPooling::PoolRows(const LayerOutput& output, size_t i, const Sequence& sequence, std::span<float> out) const {
  const auto begin = static_cast<size_t>(output.borders[i]) * static_cast<size_t>(hidden_size_);
  const auto end = static_cast<size_t>(output.borders[i + 1]) * static_cast<size_t>(hidden_size_);
  Pool(output.hidden.subspan(begin, end - begin), hidden_size_, sequence.pooling, sequence.normalize, out);
}

void LayerPooling::AfterLayer(const LayerOutput& output, std::span<uint8_t> finished) {
  const bool last = output.layer == num_layers_;
  for (size_t i = 0; i < output.sequences.size(); ++i) {
    const Sequence& sequence = sequences_[static_cast<size_t>(output.sequences[i])];
    if (!layers_.empty()) {
      const auto at = std::lower_bound(layers_.begin(), layers_.end(), output.layer);
      if (at == layers_.end() || *at != output.layer) continue;
      const auto width = static_cast<size_t>(hidden_size_);
      PoolRows(output, i, sequence, sequence.out.subspan(static_cast<size_t>(at - layers_.begin()) * width, width));
    } else if (last || (sequence.judge != nullptr && sequence.judge->Wants(output.layer))) {
      PoolRows(output, i, sequence, sequence.out);
      if (!last) finished[i] = sequence.judge->Finished(output.layer, sequence.out) ? 1 : 0;
    }
  }
}

}  // namespace bantam
