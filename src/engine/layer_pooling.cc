#include "engine/layer_pooling.h"

#include <algorithm>

#include "layers/pooling.h"

namespace bantam {

void LayerPooling::Clear(size_t num_sequences) {
  first_.assign(num_sequences, kNone);
  wanted_.clear();
}

void LayerPooling::Add(size_t row, const Sequence& sequence) {
  BANTAM_CHECK(first_[row] == kNone || (sequence.judge == nullptr && wanted_[first_[row]].sequence.judge == nullptr),
               "sequence {} is shared by one who may end it", row);
  wanted_.push_back({sequence, first_[row]});
  first_[row] = wanted_.size() - 1;
}

bool LayerPooling::Wants(int layer) const {
  return layer == num_layers_ || std::any_of(wanted_.begin(), wanted_.end(), [&](const Wanted& wanted) {
           return std::ranges::binary_search(wanted.sequence.layers, layer) ||
                  (wanted.sequence.judge != nullptr && wanted.sequence.judge->Wants(layer));
         });
}

std::span<const float> LayerPooling::RowsOf(const LayerOutput& output, size_t i) const {
  const auto begin = static_cast<size_t>(output.borders[i]) * static_cast<size_t>(hidden_size_);
  const auto end = static_cast<size_t>(output.borders[i + 1]) * static_cast<size_t>(hidden_size_);
  return output.hidden.subspan(begin, end - begin);
}

void LayerPooling::PoolRows(const LayerOutput& output, size_t i, const Sequence& sequence, std::span<float> out) const {
  const std::span<const float> hidden = RowsOf(output, i);
  if (sequence.head == nullptr) return Pool(hidden, hidden_size_, sequence.pooling, sequence.normalize, out);
  const SentenceHead::Text text{hidden, sequence.skip_tokens, out};
  sequence.head->Apply({&text, 1});
}

bool LayerPooling::Take(const LayerOutput& output, size_t i, const Sequence& sequence) const {
  const bool last = output.layer == num_layers_;
  if (sequence.sink != nullptr) {
    if (last && (*sequence.finite = IsFinite(RowsOf(output, i))))
      sequence.sink->Take(sequence.index, RowsOf(output, i));
    return false;
  }
  const std::span<const int> layers = sequence.layers;
  const bool judged = !last && sequence.judge != nullptr && sequence.judge->Wants(output.layer);
  const auto place = std::ranges::lower_bound(layers, output.layer);
  const bool listed = layers.empty() ? last : place != layers.end() && *place == output.layer;
  if (!listed && !judged) return false;
  const size_t width = sequence.out.size() / std::max<size_t>(1, layers.size());
  // What only the judge wants to see lies where the last layer's vector will be.
  const std::span<float> end = sequence.out.last(width);
  const std::span<float> own = listed && !layers.empty()
                                   ? sequence.out.subspan(static_cast<size_t>(place - layers.begin()) * width, width)
                                   : end;
  PoolRows(output, i, sequence, own);
  if (!judged || !sequence.judge->Finished(output.layer, own)) return false;
  if (own.data() != end.data()) std::ranges::copy(own, end.begin());
  return true;
}

void LayerPooling::AfterLayer(const LayerOutput& output, std::span<uint8_t> finished) {
  for (size_t i = 0; i < output.sequences.size(); ++i) {
    for (size_t at = first_[static_cast<size_t>(output.sequences[i])]; at != kNone; at = wanted_[at].next) {
      if (Take(output, i, wanted_[at].sequence)) finished[i] = 1;
    }
  }
}

}  // namespace bantam
