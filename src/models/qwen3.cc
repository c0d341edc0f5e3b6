#include "models/qwen3.h"

#include <algorithm>

#include "models/config_reader.h"
#include "models/rotary_encoder.h"

namespace bantam {
namespace {

struct Qwen3Config {
  RotaryConfig body;
  float rms_norm_eps = 1e-6f;
  bool attention_bias = false;
};

Result<Qwen3Config> ParseQwen3Config(const JsonObject& config) {
  Qwen3Config qwen;
  RotaryConfig& body = qwen.body;
  body.causal = true;
  BANTAM_TRY(body.vocab_size, ReadSize(config, "vocab_size", SizeLimits::kVocab));
  BANTAM_TRY(body.hidden_size, ReadSize(config, "hidden_size", SizeLimits::kHidden));
  BANTAM_TRY(body.num_attention_heads, ReadSize(config, "num_attention_heads", SizeLimits::kHeads));
  BANTAM_TRY(body.num_key_value_heads,
             ReadSizeOr(config, "num_key_value_heads", body.num_attention_heads, SizeLimits::kHeads));
  BANTAM_RETURN_IF_ERROR(CheckDivides(config, "num_attention_heads", body.num_attention_heads, "num_key_value_heads",
                                      body.num_key_value_heads));
  BANTAM_TRY(body.head_dim, ReadSizeOr(config, "head_dim", 128, 1024));
  BANTAM_RETURN_IF_ERROR(CheckDivides(config, "head_dim", body.head_dim, "the values of a pair", 2));
  BANTAM_TRY(body.intermediate_size, ReadSize(config, "intermediate_size", SizeLimits::kIntermediate));
  BANTAM_TRY(body.max_position_embeddings,
             ReadSizeOr(config, "max_position_embeddings", 32'768, SizeLimits::kPositions));
  BANTAM_TRY(body.hidden_act, ReadActivation(config, "hidden_act", "silu"));
  BANTAM_TRY(qwen.rms_norm_eps, ReadEpsilon(config, "rms_norm_eps", 1e-6));
  BANTAM_TRY(qwen.attention_bias, config.BoolOr("attention_bias", false));
  BANTAM_TRY(const double theta, ReadRopeTheta(config, "", "rope_theta", 10'000));
  BANTAM_TRY(const int num_layers, ReadSize(config, "num_hidden_layers", SizeLimits::kLayers));
  BANTAM_TRY(std::vector<bool> local, ReadQwenLocalLayers(config, num_layers));
  int window = 0;
  if (std::find(local.begin(), local.end(), true) != local.end()) {
    BANTAM_TRY(const int sliding_window, ReadSizeOr(config, "sliding_window", 4096, SizeLimits::kPositions));
    if (sliding_window < 2) {
      return Err(ErrorCode::kUnsupported, "{} is {}, expected at least 2", config.Where("sliding_window"),
                 sliding_window);
    }
    window = sliding_window - 1;  // the token itself is one of them
  }
  for (const bool is_local : local) body.layers.push_back({.window = is_local ? window : 0, .rope_theta = theta});
  return qwen;
}

void BindQwen3(const Qwen3Config& config, WeightBinder& bind, RotaryWeights& weights) {
  using Bias = WeightBinder::Bias;
  const RotaryConfig& body = config.body;
  const int hidden = body.hidden_size, keys = body.num_key_value_heads * body.head_dim;
  const LayerNorm like{.size = hidden, .epsilon = config.rms_norm_eps, .kind = NormKind::kRmsNorm};
  LayerNorm like_head = like;
  like_head.size = body.head_dim;
  const Bias bias = config.attention_bias ? Bias::kYes : Bias::kNo;
  weights.embedding.hidden_size = hidden;
  bind.Words(weights.embedding, "embed_tokens", body.vocab_size);
  bind.Zeros(weights.embedding.positions, static_cast<size_t>(hidden));
  bind.Zeros(weights.embedding.types, static_cast<size_t>(hidden));
  weights.layers.resize(body.layers.size());
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    RotaryLayerWeights& layer = weights.layers[i];
    const std::string name = fmt::format("layers.{}.", i), self = name + "self_attn.", mlp = name + "mlp.";
    bind.Norm(layer.attention_norm, name + "input_layernorm", like, Bias::kNo);
    bind.Layer(layer.qkv, {{self + "q_proj", body.context_size()}, {self + "k_proj", keys}, {self + "v_proj", keys}},
               hidden, bias);
    bind.Norm(layer.q_norm, self + "q_norm", like_head, Bias::kNo);
    bind.Norm(layer.k_norm, self + "k_norm", like_head, Bias::kNo);
    bind.Layer(layer.attention_output, {self + "o_proj"}, body.context_size(), hidden, bias);
    bind.Norm(layer.mlp_norm, name + "post_attention_layernorm", like, Bias::kNo);
    bind.Layer(layer.gate_up, {mlp + "gate_proj", mlp + "up_proj"}, hidden, 2 * body.intermediate_size, Bias::kNo);
    bind.Layer(layer.down, {mlp + "down_proj"}, body.intermediate_size, hidden, Bias::kNo);
  }
  bind.Norm(weights.final_norm, "norm", like, Bias::kNo);
}

}  // namespace

Result<std::unique_ptr<Encoder>> LoadQwen3(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const JsonObject object, ConfigOf(model));
  BANTAM_TRY(const Qwen3Config config, ParseQwen3Config(object));
  const WeightNames names{.what = "Qwen3 encoder",
                          .prefix = PrefixOf(*model.weights, {"model."}, "embed_tokens.weight"),
                          .ignored = {"lm_head.", "score."}};
  return LoadRotaryEncoder(model, options, config.body, names,
                           fmt::format("qwen3 biases={}", config.attention_bias ? 1 : 0),
                           [&config](WeightBinder& bind, RotaryWeights& weights) { BindQwen3(config, bind, weights); });
}

}  // namespace bantam
