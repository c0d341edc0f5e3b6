// The body of encoders since 2023, and of decoders that are read as encoders: rotary positions, gated feed-forward
// parts, norms before each part or after its sum, attention to all, to what came before, or within a window. A family
// (modernbert, nomic_bert, qwen3) says its sizes, its options for each layer and the names of its weights.
#pragma once

#include <string>
#include <vector>

#include "layers/embedding.h"
#include "layers/layer_norm.h"
#include "layers/linear.h"
#include "layers/rope.h"
#include "models/packed_encoder.h"

namespace bantam {

struct RotaryConfig {
  int vocab_size = 0;
  int type_vocab_size = 0;  // 0: no token types
  int hidden_size = 0;
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  int intermediate_size = 0;
  int max_position_embeddings = 0;
  Activation hidden_act = kActivationSilu;
  bool norm_first = true;  // x + part(norm(x)), or norm(x + part(x))
  bool causal = false;

  struct Layer {
    int window = 0;  // 0 for none
    double rope_theta = 10'000;
  };
  std::vector<Layer> layers;

  int qkv_size() const { return (num_attention_heads + 2 * num_key_value_heads) * head_dim; }
  int context_size() const { return num_attention_heads * head_dim; }
};

struct RotaryLayerWeights {
  LayerNorm attention_norm;  // size 0: none
  Linear qkv;
  LayerNorm q_norm, k_norm;  // of each head; size 0: none
  Linear attention_output;
  LayerNorm mlp_norm;
  Linear gate_up;  // [2 * intermediate_size]: what goes through the activation, then what it is multiplied with
  Linear down;
};

struct RotaryWeights {
  Embedding embedding;       // without positions, and maybe types: one row of zeros
  bool has_types = false;    // else a sequence's types do not matter
  LayerNorm embedding_norm;  // size 0: none
  std::vector<RotaryLayerWeights> layers;
  LayerNorm final_norm;  // size 0: none
};

// A family's list of weights.
using BindRotary = std::function<void(WeightBinder& bind, RotaryWeights& weights)>;

// `fingerprint`: the family's name and whatever of its config the list of weights depends on.
Result<std::unique_ptr<Encoder>> LoadRotaryEncoder(ModelFolder& model, const EncoderOptions& options,
                                                   const RotaryConfig& config, const WeightNames& names,
                                                   const std::string& fingerprint, const BindRotary& bind);

}  // namespace bantam
