// A second, smaller decoder with the same vocabulary, which drafts what the first will probably write. Its keys and
// values lie in a cache of their own, in blocks of the same numbers as the first one's: a sequence's table serves both.
//
//   DraftModel model(decoder, pool, cache, num_blocks);
//   model.Draft(jobs, row_budget);   // sets the sequences' drafts
//
// A token is drafted as the sequence itself would choose it: with the number of its place and seed, its penalties and
// its grammar. Two models that think alike then choose alike, at any temperature. One thread.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/sequence.h"
#include "models/decoder.h"

namespace bantam {

class DraftModel {
 public:
  struct Job {
    Sequence* sequence;
    int length;  // tokens to draft; the sequence has blocks for them
  };

  // cache: memory for `num_blocks` blocks of the decoder's shape. All must outlive this.
  DraftModel(const Decoder& decoder, ThreadPool& pool, const KvCacheView& cache, int num_blocks);

  // Whether this model can read the sequence with so many tokens more.
  bool CanRead(const Sequence& sequence, int more) const;
  // vocab_size: the first model's. Computes at most about `row_budget` rows of what the model has not read yet: a
  // sequence that is not read to its end gets no draft in this step.
  void Draft(std::span<const Job> jobs, int row_budget, int vocab_size);

  // A block holds something else from now on.
  void ForgetBlock(int32_t block) { read_[static_cast<size_t>(block)] = 0; }
  // A full block of a sequence, whose content others may find from now on.
  void BlockPublished(const Sequence& sequence, int index);
  // A sequence that begins finds in its first blocks what this model has read there.
  void Begin(Sequence& sequence) const;

  double pass_ms() const { return pass_ms_; }  // of one token of all texts, as measured; 0 before
  uint64_t passes() const { return passes_; }

 private:
  struct Draw;
  int ReadShared(Sequence& sequence, int budget);
  void Forward(std::span<const Draw> draws, std::span<const int> rows);

  const Decoder& decoder_;
  ThreadPool& pool_;
  const KvCacheView cache_;
  std::vector<uint8_t> read_;  // of each block: all its tokens are in this model's cache
  std::unique_ptr<DecoderWorkspace> workspace_;
  double pass_ms_ = 0;
  uint64_t passes_ = 0;

  std::vector<int32_t> ids_, borders_, cached_, rows_;
  std::vector<const int32_t*> tables_;
  std::vector<float> logits_, wide_;
};

}  // namespace bantam
