// One packed batch at a time: its sequences, its buffers, and the way from token ids to what the owner of each sequence
// wants of them. Belongs to whoever holds the engine's turn.
//
//   pass.Clear();
//   while (pass.Take(job, index, budget)) ++index;   // sequences of any number of jobs
//   pass.Compute();                                  // -> their `out` or `sink`
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "engine/encode_job.h"
#include "engine/encoder_engine.h"
#include "engine/packed_batch.h"
#include "models/encoder.h"

namespace bantam {

// Take, TakeText and the two Computes throw std::bad_alloc.
class BatchPass {
 public:
  // One sequence of a job: which of the batch's sequences it is, and whether the model's numbers for it are finite.
  struct Piece {
    EncodeJob* job;
    size_t index;
    size_t row;
    bool finite;
  };

  // Both must outlive it.
  BatchPass(const Encoder& encoder, ThreadPool& pool);

  void Clear();
  size_t num_tokens() const { return batch_.token_ids().size(); }
  size_t num_sequences() const { return batch_.num_sequences(); }

  // Sequence `index` of the job joins the batch; false when it does not fit, which an empty batch never says.
  bool Take(EncodeJob& job, size_t index, size_t max_tokens);
  std::span<const Piece> pieces() const { return pieces_; }
  void Compute();

  // For a long list, in place of Take and Compute. out: [width], or [layers, width], of this text
  bool TakeText(std::span<const int32_t> token_ids, std::span<float> out, size_t max_tokens);
  void ComputeTexts(const EncodeListOptions& options);

  // Of a pooled vector.
  size_t WidthOf(const SentenceHead* head) const {
    return static_cast<size_t>(head != nullptr ? head->dimensions() : encoder_.hidden_size());
  }
  // Of one text's answer. options: EncodeList or EncodeListOptions
  size_t RowSize(const auto& options) const {
    return WidthOf(options.head) * std::max<size_t>(1, options.layers.size());
  }
  // So far; from any thread.
  uint64_t batches_run() const { return batches_run_; }
  uint64_t tokens_run() const { return tokens_run_; }

 private:
  struct ListText {
    size_t row;
    std::span<float> out;
  };

  void ComputeObserved();
  // num_keys_ of the batch: empty where every token sees its whole sequence.
  void FillKeys();
  void DeliverPieces(size_t begin, size_t end);  // at most kShare of them
  // batch_ -> hidden_, or to the observer
  void Forward(LayerObserver* observer);
  std::span<float> RowOf(const Piece& piece) const;
  std::span<const float> HiddenOf(size_t row) const;  // the rows of a sequence of the batch
  size_t HiddenSize() const { return static_cast<size_t>(encoder_.hidden_size()); }

  const Encoder& encoder_;
  ThreadPool& pool_;
  const bool has_types_;  // else token types make no difference, and equal ids are equal sequences
  const std::unique_ptr<EncoderWorkspace> workspace_;
  PackedBatch batch_;
  std::vector<Piece> pieces_;
  bool wants_layers_ = false, sees_parts_ = false;  // one of them does: has `layers`, has `num_keys`
  std::vector<ListText> list_texts_;
  std::vector<int32_t> num_keys_;
  std::vector<SentenceHead::Text> texts_;
  LayerPooling observed_;
  AlignedBuffer<float> hidden_;
  std::atomic<uint64_t> batches_run_ = 0, tokens_run_ = 0;
};

}  // namespace bantam
