// What an engine's batch wants of the layers: pooled vectors after some of them, and an end for what is done.
#pragma once

#include <span>
#include <vector>

#include "files/model_folder.h"
#include "models/layer_observer.h"

namespace bantam {

// Asked after a layer whether a text needs the next one. Belongs to one request; used by one thread at a time.
class ExitJudge {
 public:
  virtual ~ExitJudge() = default;
  virtual bool Wants(int layer) const = 0;  // whether it can decide after this layer, 1 to num_layers() - 1
  // pooled: [hidden_size], what the request's answer is if it ends here. True ends it.
  virtual bool Finished(int layer, std::span<const float> pooled) = 0;
};

class LayerPooling final : public LayerObserver {
 public:
  struct Sequence {
    PoolingMode pooling = PoolingMode::kMean;
    bool normalize = true;
    ExitJudge* judge = nullptr;  // or null: nobody ends it early
    std::span<float> out = {};   // [hidden_size], or [layers, hidden_size] for a list of layers
  };

  // layers: ascending, the layers whose vectors each sequence's `out` holds; empty: the one where it ended.
  LayerPooling(int num_layers, int hidden_size, std::span<const int> layers)
      : num_layers_(num_layers), hidden_size_(hidden_size), layers_(layers) {}
  void Clear() { sequences_.clear(); }
  void Add(const Sequence& sequence) { sequences_.push_back(sequence); }  // in the batch's order

  bool Wants(int layer) const override;
  void AfterLayer(const LayerOutput& output, std::span<uint8_t> finished) override;

 private:
  void PoolRows(const LayerOutput& output, size_t i, const Sequence& sequence, std::span<float> out) const;

  const int num_layers_, hidden_size_;
  const std::span<const int> layers_;
  std::vector<Sequence> sequences_;
};

}  // namespace bantam
