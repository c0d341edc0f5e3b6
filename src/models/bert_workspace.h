// The scratch of a running BERT: how the batch is cut into groups of sequences, and the buffers that they use. Buffers
// grow to the largest batch seen; a batch that fits allocates nothing.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "layers/activations.h"
#include "layers/parallel.h"
#include "models/batch_plan.h"
#include "models/bert_config.h"
#include "models/encoder.h"
#include "models/running_sequences.h"

namespace bantam {

struct BertBufferSizes {
  const BertConfig* config;
  bool int8;
  size_t attention_scratch;  // floats for each worker
  int block_rows;
  int num_threads;
};

class BertWorkspace final : public EncoderWorkspace {
 public:
  void Plan(const EncoderBatch& batch, int group_tokens, int num_threads) {
    plan_.Make(batch, group_tokens, num_threads);
  }
  void Reserve(const BertBufferSizes& sizes);

  std::span<const Range> groups() const { return plan_.groups(); }  // of sequences
  bool side_by_side() const { return plan_.side_by_side(); }
  int longest_sequence() const { return plan_.longest_sequence(); }
  std::span<const int32_t> position_ids() const { return plan_.position_ids(); }  // [num_tokens]

  // Of one group in flight; a lane for each thread when groups run side by side.
  Activations Bytes(int lane, Activations x);  // x with room for its bytes
  Activations Qkv(int lane);                   // [group tokens, 3 * hidden_size]
  Activations Context(int lane);               // [group tokens, hidden_size]

  RunningSequences& Running(int lane) { return lanes_[lane].running; }

  // Of one worker's block of rows.
  Activations BlockContext(int worker, Activations context);  // context with room for its bytes
  Activations BlockHidden(int worker);
  Activations BlockEmbedding(int worker);  // before the projection to hidden_size; shares BlockHidden's memory
  Activations BlockIntermediate(int worker);
  float* AttentionScratch(int worker) { return workers_[worker].attention.data(); }

 private:
  struct Bytes8 {
    AlignedBuffer<uint8_t> bytes;
    AlignedBuffer<RowQuant> quant;
  };
  struct Lane {
    Bytes8 x;
    AlignedBuffer<float> qkv, context;
    RunningSequences running;
  };
  struct Worker {
    AlignedBuffer<float> attention, hidden, intermediate;
    Bytes8 context8, hidden8, intermediate8;
  };
  static void Reserve8(Bytes8& buffer, size_t rows, size_t stride);
  Activations With(Bytes8& buffer, Activations x, int columns) const;

  BatchPlan plan_;
  int hidden_size_ = 0, embedding_size_ = 0, intermediate_size_ = 0;
  bool int8_ = false;
  std::vector<Lane> lanes_;
  std::vector<Worker> workers_;
};

}  // namespace bantam
