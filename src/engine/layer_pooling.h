// What an engine's batch wants of the layers: pooled vectors after some of them, and an end for what is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/token_vector_sink.h"
#include "files/model_folder.h"
#include "models/layer_observer.h"
#include "models/sentence_head.h"

namespace bantam {

// Asked after a layer whether a text needs the next one. Belongs to one request; used by one thread at a time.
class ExitJudge {
 public:
  virtual ~ExitJudge() = default;
  virtual bool Wants(int layer) const = 0;  // whether it can decide after this layer, 1 to num_layers() - 1
  // pooled: [width of a vector], what the request's answer is if it ends here. True ends it.
  virtual bool Finished(int layer, std::span<const float> pooled) = 0;
};

class LayerPooling final : public LayerObserver {
 public:
  struct Sequence {
    PoolingMode pooling = PoolingMode::kMean;
    bool normalize = true;
    const SentenceHead* head = nullptr;  // in place of pooling and normalize
    size_t skip_tokens = 0;
    ExitJudge* judge = nullptr;  // or null: nobody ends it early
    // Whose vectors `out` holds, ascending; empty: the one's where it ended. With a judge the last of them is the
    // encoder's last, and its vector that of the layer where it ended.
    std::span<const int> layers = {};
    std::span<float> out = {};  // [width], or [layers, width]
    // Gets the last layer's rows in place of `out`, as sequence `index`; or null. Not with a judge or a list of layers.
    TokenVectorSink* sink = nullptr;
    size_t index = 0;
    bool* finite = nullptr;  // with a sink: set to whether the rows were numbers; if not, it gets none
  };

  LayerPooling(int num_layers, int hidden_size) : num_layers_(num_layers), hidden_size_(hidden_size) {}
  void Clear(size_t num_sequences);
  // One who wants the batch's sequence `row`. There may be several of one row, if none of them has a judge.
  void Add(size_t row, const Sequence& sequence);

  bool Wants(int layer) const override;
  void AfterLayer(const LayerOutput& output, std::span<uint8_t> finished) override;

 private:
  static constexpr size_t kNone = SIZE_MAX;
  struct Wanted {
    Sequence sequence;
    size_t next;  // another one of the same row, or kNone
  };
  // Whether it is done with its row after this layer.
  bool Take(const LayerOutput& output, size_t i, const Sequence& sequence) const;
  std::span<const float> RowsOf(const LayerOutput& output, size_t i) const;
  void PoolRows(const LayerOutput& output, size_t i, const Sequence& sequence, std::span<float> out) const;

  const int num_layers_, hidden_size_;
  std::vector<size_t> first_;  // by row: where its list in wanted_ begins, or kNone
  std::vector<Wanted> wanted_;
};

}  // namespace bantam
