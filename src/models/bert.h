// BERT (Devlin et al., 2018): token, position and type embeddings, then layers of self-attention and a feed-forward
// part, each followed by LayerNorm of the sum with its input.
#pragma once

#include "models/bert_weights.h"
#include "models/encoder.h"
#include "models/weight_memory.h"

namespace bantam {

class BertWorkspace;

class Bert final : public Encoder {
 public:
  static Result<std::unique_ptr<Encoder>> Load(ModelFolder& model, const EncoderOptions& options);

  int hidden_size() const override { return config_.hidden_size; }
  int max_positions() const override { return config_.max_position_embeddings; }
  int vocab_size() const override { return config_.vocab_size; }
  WeightType weight_type() const override { return type_; }
  std::string_view isa() const override { return IsaName(kernels_->isa); }
  uint64_t num_parameters() const override { return num_parameters_; }
  uint64_t weight_bytes() const override { return memory_.bytes().size(); }
  std::unique_ptr<EncoderWorkspace> NewWorkspace() const override;
  void Forward(const EncoderBatch& batch, EncoderWorkspace& workspace, ThreadPool& pool,
               std::span<float> hidden) const override;

 private:
  Bert(const BertConfig& config, const WeightPlan& plan, const std::string& prefix, const Kernels* kernels,
       WeightMemory memory, uint64_t num_parameters);
  void ForwardGroup(const EncoderBatch& batch, Range group, const Activations& hidden, BertWorkspace& ws, int lane,
                    const Parallel& parallel) const;
  void FinishLayer(const BertLayerWeights& layer, const Activations& context, const Activations& x, int num_rows,
                   BertWorkspace& ws, int worker, const Parallel& parallel) const;

  BertConfig config_;
  WeightType type_;
  bool quantized_;  // some layer reads bytes
  const Kernels* kernels_;
  WeightMemory memory_;
  BertWeights weights_;
  uint64_t num_parameters_;
};

}  // namespace bantam
