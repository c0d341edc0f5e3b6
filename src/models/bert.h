// BERT (Devlin et al., 2018): token, position and type embeddings, then layers of self-attention and a feed-forward
// part, each followed by LayerNorm of the sum with its input.
#pragma once

#include "layers/attention.h"
#include "models/bert_weights.h"
#include "models/packed_encoder.h"

namespace bantam {

class BertWorkspace;

class Bert final : public PackedEncoder {
 public:
  static Result<std::unique_ptr<Encoder>> Load(ModelFolder& model, const EncoderOptions& options);
  // The relatives that differ in names, tables, shared layers or attention's bias.
  static Result<std::unique_ptr<Encoder>> LoadFamily(ModelFolder& model, const EncoderOptions& options,
                                                     const BertFamily& family);

  int num_layers() const override { return static_cast<int>(weights_.layers.size()); }
  std::unique_ptr<EncoderWorkspace> NewWorkspace() const override;
  void Forward(const EncoderBatch& batch, EncoderWorkspace& workspace, ThreadPool& pool,
               std::span<float> hidden) const override;

 private:
  Bert(const EncoderFacts& facts, PackedWeights packed, const WeightPlan& plan, const BertFamily& family);
  AttentionShape Shape() const;
  void ForwardGroup(const EncoderBatch& batch, Range group, const Activations& hidden, BertWorkspace& ws, int lane,
                    const Parallel& parallel) const;
  void FinishLayer(const BertLayerWeights& layer, const Activations& context, const Activations& x, int num_rows,
                   BertWorkspace& ws, int worker, const Parallel& parallel) const;

  BertConfig config_;
  const Kernels* kernels_;
  BertWeights weights_;
};

}  // namespace bantam
