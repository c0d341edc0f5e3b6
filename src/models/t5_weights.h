// What a T5 checkpoint holds (Raffel et al., 2020): one table of words, an encoder, and a decoder that also attends to
// what the encoder made of the prompt. Matrices have no biases; distances do, in the first layer of each half, for all.
#pragma once

#include <vector>

#include "layers/embedding.h"
#include "layers/layer_norm.h"
#include "layers/linear.h"
#include "models/decoder.h"
#include "models/weight_binder.h"

namespace bantam {

struct T5Config {
  int vocab_size = 0;
  int hidden_size = 0;
  int num_heads = 0, head_dim = 0;  // their product need not be hidden_size
  int intermediate_size = 0;
  int encoder_layers = 0, decoder_layers = 0;
  int num_buckets = 0, max_distance = 0;  // of distances
  Activation hidden_act = kActivationRelu;
  bool gated = false;
  bool tied = false;       // the words make the logits too
  float logits_scale = 1;  // of what they are made from
  float epsilon = 1e-6f;
  int32_t start_token = 0;     // what the decoder begins with
  std::string_view up = "wi";  // the matrix without a gate, as the file calls it
  int inner_size() const { return num_heads * head_dim; }
};

struct T5LayerWeights {
  LayerNorm attention_norm;
  Linear qkv, attention_output;
  LayerNorm cross_norm;  // of the decoder, as the next line
  Linear cross_query, cross_key_value, cross_output;
  LayerNorm mlp_norm;
  Linear up, down;  // gated: [2 * intermediate_size], gate then up
};

struct T5Weights {
  Embedding embedding;
  std::vector<T5LayerWeights> encoder, decoder;
  LayerNorm encoder_norm, decoder_norm;
  const float* encoder_bias = nullptr;  // [num_buckets, num_heads]
  const float* decoder_bias = nullptr;
  Linear logits;
};

Result<T5Config> ReadT5Config(const ModelFolder& model);
WeightNames T5Names();
void BindT5(const T5Config& config, WeightBinder& bind, T5Weights& weights);

Result<std::unique_ptr<Decoder>> LoadT5(ModelFolder& model, const DecoderOptions& options);

}  // namespace bantam
