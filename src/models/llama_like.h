// What the decoders descended from Llama share: the keys of their configs and the names of their weights. A family says
// where it differs, as data.
#pragma once

#include "models/config_reader.h"
#include "models/decoder_frame.h"

namespace bantam {

struct LlamaLike {
  // Said by the family before its config is read.
  std::string name;  // "llama"; for messages "llama decoder"
  std::string activation_key = "hidden_act", activation = "silu", intermediate_key = "intermediate_size";
  double theta = 10'000, rotary_share = 1;
  int default_positions = 2048;
  int default_head_dim = 0;  // 0: hidden_size / num_attention_heads
  bool tied = false;         // the words' table makes the logits too, unless the config says otherwise
  bool qkv_bias = false, output_bias = false, mlp_bias = false;
  bool fused = false;  // qkv_proj and gate_up_proj in place of their parts
  bool convolution_bias = false, flat_convolution = false;
  enum class QkNorm { kNone, kHeads, kAll } qk_norm = QkNorm::kNone;
  // Of a layer's tensors; "": none.
  std::string attention_norm = "input_layernorm", attention_post_norm = "";
  std::string mlp_norm = "post_attention_layernorm", mlp_post_norm = "";
  std::string attention_output = "o_proj", q_norm = "q_norm", k_norm = "k_norm";  // below "self_attn."
  std::string mlp = "mlp.", gate = "gate_proj", up = "up_proj", down = "down_proj";
  std::string final_norm = "norm";
  NormKind norm_kind = NormKind::kRmsNorm;
  std::string epsilon_key = "rms_norm_eps";
  double epsilon = 1e-6;
  float norm_offset = 0;  // is added to a norm's stored weights

  DecoderConfig body = {};  // sizes, layers without windows, and their rotary positions
};

// Fills `family` from its config: "attention_bias", "mlp_bias" and "tie_word_embeddings" count where they are there.
Status ReadLlamaLike(const JsonObject& config, LlamaLike& family);

// Layers that attend within "sliding_window" tokens: all, or those of `local`. Nothing for an absent or null window.
Status ReadWindow(const JsonObject& config, LlamaLike& family, const std::vector<bool>& local = {});

Result<std::unique_ptr<Decoder>> LoadLlamaLike(ModelFolder& model, const DecoderOptions& options, LlamaLike& family);

}  // namespace bantam
