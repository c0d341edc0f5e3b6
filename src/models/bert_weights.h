// A BERT's weights as the kernels read them, all in one block of memory whose layout follows from the config alone: so
// the block can be written to a file and mapped again.
#pragma once

#include <vector>

#include "layers/embedding.h"
#include "layers/layer_norm.h"
#include "layers/linear.h"
#include "models/bert_config.h"
#include "models/encoder.h"

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

// Where everything lies in the block: views into `block`, which may be null to learn only the size.
struct BertLayout {
  BertWeights weights;
  size_t total_bytes = 0;
};
BertLayout LayOutBert(const BertConfig& config, WeightType type, const std::byte* block);

// Reads every tensor of the file into `block` ([LayOutBert().total_bytes], zeroed), packing and quantising. Strict: a
// tensor that is missing, misshapen, of no float type or left over is an error that names it. Returns the number of
// parameters in the file.
Result<uint64_t> ReadBertWeights(WeightSource& source, const BertConfig& config, WeightType type,
                                 std::span<std::byte> block);

}  // namespace bantam
