// What GPT-2, GPT-NeoX and Phi-2 share: LayerNorms, biases everywhere and a feed-forward part without a gate. A family
// says how its config and its weights call them.
#pragma once

#include "models/config_reader.h"
#include "models/decoder_frame.h"

namespace bantam {

struct PlainDecoder {
  std::string name;  // "gpt2"; for messages "gpt2 decoder"
  // Keys of config.json.
  std::string hidden = "hidden_size", layers = "num_hidden_layers", heads = "num_attention_heads",
              kv_heads = "num_key_value_heads", intermediate = "intermediate_size",
              positions = "max_position_embeddings", epsilon = "layer_norm_eps", activation = "hidden_act";
  std::string default_activation = "gelu";
  int default_positions = 2048;
  double rotary_share = 1;  // 0: a table of positions
  bool tied = false;

  // Names of tensors; {} is the layer.
  std::string words, position_table, final_norm, logits;
  std::string layer;  // "h.{}.": begins those below
  std::string attention_norm, qkv, q, k, v, attention_output, mlp_norm, up,
      down;  // qkv or q, k and v; mlp_norm may be ""
  bool attention_bias = true, logits_bias = false;

  DecoderConfig body = {};
  float norm_epsilon = 1e-5f;
};

// Reads the sizes; what else `family` says stays.
Status ReadPlainDecoder(const JsonObject& config, PlainDecoder& family);
Result<std::unique_ptr<Decoder>> LoadPlainDecoder(ModelFolder& model, const DecoderOptions& options,
                                                  const PlainDecoder& family, std::vector<std::string> ignored = {});
// "h.7." for layer 7.
std::string LayerName(const PlainDecoder& family, size_t layer);

Result<std::unique_ptr<Decoder>> LoadGpt2(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadGptNeoX(ModelFolder& model, const DecoderOptions& options);
Result<std::unique_ptr<Decoder>> LoadPhi2(ModelFolder& model, const DecoderOptions& options);

}  // namespace bantam
