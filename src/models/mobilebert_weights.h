// A MobileBERT's config and weights. hidden_size is the width between layers, true_hidden_size that inside of them.
#pragma once

#include <vector>

#include "layers/embedding.h"
#include "layers/layer_norm.h"
#include "layers/linear.h"
#include "models/weight_binder.h"

namespace bantam {

struct MobileBertConfig {
  int vocab_size = 0;
  int hidden_size = 0;
  int true_hidden_size = 0;
  int embedding_size = 0;
  int num_hidden_layers = 0;
  int num_attention_heads = 0;
  int intermediate_size = 0;
  int max_position_embeddings = 0;
  int type_vocab_size = 0;
  int num_feedforward_networks = 0;
  bool trigram_input = true;
  bool use_bottleneck = true;
  bool use_bottleneck_attention = false;    // query, key and value from the narrow input
  bool key_query_shared_bottleneck = true;  // query and key from a bottleneck of their own
  NormKind norm = NormKind::kNoNorm;
  float layer_norm_eps = 1e-12f;
  Activation hidden_act = kActivationRelu;

  int head_dim() const { return true_hidden_size / num_attention_heads; }
  int embedding_input() const { return trigram_input ? 3 * embedding_size : embedding_size; }
  std::string Fingerprint() const;
};

// Its default of PyTorch where the reference passes no epsilon.
constexpr float kMobileBertDefaultEps = 1e-5f;

struct MobileBertLayerWeights {
  struct Projection {
    Linear dense;
    LayerNorm norm;
  };
  struct FeedForward {
    Linear intermediate;
    Projection output;
  };
  Projection input_bottleneck, attention_bottleneck;  // out_features 0: none
  Linear query_key;                                   // one product: they read the same rows
  Linear value;
  Projection attention_output;
  std::vector<FeedForward> feed_forward;
  Projection output_bottleneck;
};

struct MobileBertWeights {
  Embedding embedding;              // of words alone, embedding_size wide: positions and types are one row of zeros
  Embedding places;                 // positions and types, hidden_size wide: the words are one row of zeros
  Linear embedding_transformation;  // out_features 0: none
  LayerNorm embedding_norm;
  std::vector<MobileBertLayerWeights> layers;
};

Result<MobileBertConfig> ParseMobileBertConfig(const JsonObject& config);
void BindMobileBert(const MobileBertConfig& config, WeightBinder& bind, MobileBertWeights& weights);

}  // namespace bantam
