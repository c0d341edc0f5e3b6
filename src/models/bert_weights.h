// A BERT's weights as the kernels read them: which layers there are, and under which names a checkpoint keeps them.
#pragma once

#include <string>
#include <vector>

#include "models/bert_config.h"
#include "models/weight_layout.h"
#include "models/weight_reader.h"

namespace bantam {

struct BertLayerWeights {
  Linear qkv;  // query, key and value as one product: [3 * hidden_size, hidden_size]
  Linear attention_output;
  LayerNorm attention_norm;
  Linear intermediate;
  Linear output;
  LayerNorm output_norm;
};

struct BertWeights {
  std::vector<BertLayerWeights> layers;
  LayerNorm embedding_norm;
  Embedding embedding;
};

// "bert." where a head on top of the encoder put its tensors there, else "".
std::string BertPrefix(const WeightSource& source);

// Where everything lies in the block: views into `block`, which may be null to learn only the size.
struct BertLayout {
  BertWeights weights;
  size_t total_bytes = 0;
};
BertLayout LayOutBert(const BertConfig& config, const WeightPlan& plan, const std::string& prefix,
                      const std::byte* block);

// Reads every tensor of the file into `block` ([LayOutBert().total_bytes], zeroed), packing and quantising. Returns the
// number of parameters in the file.
Result<uint64_t> ReadBertWeights(WeightSource& source, const BertConfig& config, const WeightPlan& plan,
                                 std::span<std::byte> block);

}  // namespace bantam
