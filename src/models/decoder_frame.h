// The body of all decoders here: attention over what came before, or a short convolution of it, a feed-forward part,
// norms around them, one after the other or side by side. A family (llama, gemma, gpt2, ...) says its sizes, its
// options and the names of its weights.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "layers/embedding.h"
#include "layers/layer_norm.h"
#include "layers/linear.h"
#include "layers/rope.h"
#include "layers/short_convolution.h"
#include "models/decoder.h"
#include "models/weight_binder.h"

namespace bantam {

struct DecoderConfig {
  int vocab_size = 0;
  int hidden_size = 0;
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  int intermediate_size = 0;
  int max_positions = 0;
  Activation hidden_act = kActivationSilu;
  bool gated = true;               // act(gate(h)) * up(h) before down, or act(up(h))
  bool parallel = false;           // x + attention(norm(x)) + mlp(norm(x)): both read the same x
  bool learned_positions = false;  // a table of positions in place of, or beside, rotary ones
  float attention_scale = 0;       // of scores; 0: 1 / sqrt(head_dim)
  float attention_softcap = 0;     // 0: none
  float embedding_scale = 1;
  float residual_scale = 1;  // of what a part adds to the stream
  float logits_scale = 1;
  float logits_softcap = 0;  // 0: none
  bool qkv_by_head = false;  // how checkpoints order the rows of queries, keys and values

  struct Layer {
    int window = 0;  // how many tokens a token sees, itself included; 0: all before it
    int rope = 0;    // which of `ropes`; -1: no rotary positions
    // In place of attention: out(c * convolution(b * x)), with b, c and x of each token; tokens that a token sees. 0:
    // attends.
    int convolution = 0;
  };
  std::vector<Layer> layers;
  std::vector<RopeOptions> ropes;
  // Of sequences of more tokens than this, in place of `ropes`, from the first token on; 0: there is no such border.
  int original_positions = 0;
  std::vector<RopeOptions> long_ropes;  // as many as `ropes`

  int q_size() const { return num_attention_heads * head_dim; }
  int kv_size() const { return num_key_value_heads * head_dim; }
  int qkv_size() const { return q_size() + 2 * kv_size(); }
  // The widths of what a layer makes of its input, and of what it gathers from before.
  int projected_size(const Layer& layer) const { return layer.convolution > 0 ? 3 * hidden_size : qkv_size(); }
  int gathered_size(const Layer& layer) const { return layer.convolution > 0 ? hidden_size : q_size(); }
  float scale() const;
};

struct DecoderLayerWeights {
  LayerNorm attention_norm;  // size 0, here and below: none
  Linear qkv;                // of a convolution: b, c and x
  ShortConvolution convolution;
  LayerNorm q_norm, k_norm;  // of each head, or of all heads together: their size says
  Linear attention_output;
  LayerNorm attention_post_norm;
  LayerNorm mlp_norm;  // with `parallel` and none, the part reads what attention reads
  Linear up;           // gated: [2 * intermediate_size], gate then up
  Linear down;
  LayerNorm mlp_post_norm;
};

struct DecoderWeights {
  Embedding embedding;
  std::vector<DecoderLayerWeights> layers;
  LayerNorm final_norm;
  Linear logits;
};

// A family's list of weights.
using BindDecoder = std::function<void(WeightBinder& bind, DecoderWeights& weights)>;

// `names`: the prefix is "", as the names of a decoder do not all begin alike. `fingerprint`: the family's name and
// whatever of its config the list of weights depends on.
Result<std::unique_ptr<Decoder>> LoadDecoderFrame(ModelFolder& model, const DecoderOptions& options,
                                                  const DecoderConfig& config, const WeightNames& names,
                                                  const std::string& fingerprint, const BindDecoder& bind);

}  // namespace bantam
