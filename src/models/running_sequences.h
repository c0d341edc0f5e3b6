// The sequences of a group that an observer has not ended yet, and their rows, always without gaps.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "layers/activations.h"
#include "models/layer_observer.h"

namespace bantam {

class RunningSequences {
 public:
  // cu_seqlens: of the group, wherever it starts in the batch; `first` is its first sequence's place there.
  void Start(std::span<const int32_t> cu_seqlens, int first) {
    sequences_.clear();
    borders_.clear();
    for (size_t i = 0; i < cu_seqlens.size(); ++i) {
      borders_.push_back(cu_seqlens[i] - cu_seqlens.front());
      if (i + 1 < cu_seqlens.size()) sequences_.push_back(first + static_cast<int32_t>(i));
    }
  }

  std::span<const int32_t> borders() const { return borders_; }  // what attention calls cu_seqlens
  int num_rows() const { return borders_.back(); }

  // Shows the layer's output and closes the gaps that ended sequences leave in x. True when any ended.
  bool Show(LayerObserver& observer, int layer, const Activations& x) {
    finished_.assign(sequences_.size(), 0);
    observer.AfterLayer({.layer = layer,
                         .sequences = sequences_,
                         .borders = borders_,
                         .hidden = {x.values, static_cast<size_t>(num_rows() * x.stride)}},
                        finished_);
    if (std::find(finished_.begin(), finished_.end(), uint8_t{1}) == finished_.end()) return false;
    size_t kept = 0;
    for (size_t i = 0; i < sequences_.size(); ++i) {
      if (finished_[i] != 0) continue;
      const int32_t from = borders_[i], to = borders_[kept], rows = borders_[i + 1] - from;
      if (from != to) MoveRows(x, from, to, rows);
      sequences_[kept] = sequences_[i];
      borders_[++kept] = to + rows;
    }
    sequences_.resize(kept);
    borders_.resize(kept + 1);
    return true;
  }

 private:
  // To a lower place, which may overlap.
  static void MoveRows(const Activations& x, ptrdiff_t from, ptrdiff_t to, ptrdiff_t rows) {
    const auto move = [&](auto* base, ptrdiff_t stride) {
      if (base == nullptr) return;
      std::memmove(base + to * stride, base + from * stride, static_cast<size_t>(rows * stride) * sizeof(*base));
    };
    move(x.values, x.stride);
    move(x.bytes, x.byte_stride);
    move(x.quant, 1);
  }

  std::vector<int32_t> sequences_, borders_;
  std::vector<uint8_t> finished_;
};

}  // namespace bantam
