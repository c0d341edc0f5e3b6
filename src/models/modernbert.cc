#include "models/modernbert.h"

#include <algorithm>

#include "models/config_reader.h"
#include "models/rotary_encoder.h"

namespace bantam {
namespace {

struct ModernBertConfig {
  RotaryConfig body;
  float norm_eps = 1e-5f;
  bool norm_bias = false, attention_bias = false, mlp_bias = false;
};

// Before transformers 5 every so-manieth layer attended to all.
Result<std::vector<bool>> ReadLocalLayers(const JsonObject& config, int num_layers) {
  BANTAM_TRY(const auto told, ReadSlidingLayers(config, num_layers));
  if (told) return *told;
  std::vector<bool> local(static_cast<size_t>(num_layers));
  BANTAM_TRY(const int every, ReadSizeOr(config, "global_attn_every_n_layers", 3, SizeLimits::kLayers));
  for (size_t i = 0; i < local.size(); ++i) local[i] = i % static_cast<size_t>(every) != 0;
  return local;
}

Result<ModernBertConfig> ParseModernBertConfig(const JsonObject& config) {
  ModernBertConfig modern;
  RotaryConfig& body = modern.body;
  BANTAM_TRY(body.vocab_size, ReadSize(config, "vocab_size", SizeLimits::kVocab));
  BANTAM_TRY(body.hidden_size, ReadSize(config, "hidden_size", SizeLimits::kHidden));
  BANTAM_TRY(body.num_attention_heads, ReadSize(config, "num_attention_heads", SizeLimits::kHeads));
  BANTAM_TRY(body.intermediate_size, ReadSize(config, "intermediate_size", SizeLimits::kIntermediate));
  BANTAM_TRY(body.max_position_embeddings, ReadSizeOr(config, "max_position_embeddings", 8192, SizeLimits::kPositions));
  BANTAM_RETURN_IF_ERROR(
      CheckDivides(config, "hidden_size", body.hidden_size, "num_attention_heads", body.num_attention_heads));
  body.num_key_value_heads = body.num_attention_heads;
  body.head_dim = body.hidden_size / body.num_attention_heads;
  BANTAM_RETURN_IF_ERROR(CheckDivides(config, "hidden_size", body.head_dim, "pairs of a head", 2));
  BANTAM_TRY(body.hidden_act, ReadActivation(config, "hidden_activation", "gelu"));
  BANTAM_TRY(modern.norm_eps, ReadEpsilon(config, "norm_eps", 1e-5));
  BANTAM_TRY(modern.norm_bias, config.BoolOr("norm_bias", false));
  BANTAM_TRY(modern.attention_bias, config.BoolOr("attention_bias", false));
  BANTAM_TRY(modern.mlp_bias, config.BoolOr("mlp_bias", false));
  BANTAM_TRY(const int num_layers, ReadSize(config, "num_hidden_layers", SizeLimits::kLayers));
  BANTAM_TRY(const std::vector<bool> local, ReadLocalLayers(config, num_layers));
  // The whole window; half of it on either side.
  BANTAM_TRY(const int local_attention, ReadSizeOr(config, "local_attention", 128, 2 * SizeLimits::kPositions));
  if (local_attention < 2) {
    return Err(ErrorCode::kUnsupported, "{} is {}, expected at least 2", config.Where("local_attention"),
               local_attention);
  }
  BANTAM_TRY(const double global_theta, ReadRopeTheta(config, "full_attention", "global_rope_theta", 160'000));
  double local_theta = global_theta;
  if (std::find(local.begin(), local.end(), true) != local.end()) {
    BANTAM_TRY(local_theta, ReadRopeTheta(config, "sliding_attention", "local_rope_theta", 10'000));
  }
  for (const bool is_local : local) {
    body.layers.push_back(
        {.window = is_local ? local_attention / 2 : 0, .rope_theta = is_local ? local_theta : global_theta});
  }
  return modern;
}

void BindModernBert(const ModernBertConfig& config, WeightBinder& bind, RotaryWeights& weights) {
  using Bias = WeightBinder::Bias;
  const RotaryConfig& body = config.body;
  const int hidden = body.hidden_size;
  const LayerNorm like{.size = hidden, .epsilon = config.norm_eps};
  const auto bias = [](bool with) { return with ? Bias::kYes : Bias::kNo; };
  weights.embedding.hidden_size = hidden;
  bind.Words(weights.embedding, "embeddings.tok_embeddings", body.vocab_size);
  bind.Zeros(weights.embedding.positions, static_cast<size_t>(hidden));
  bind.Zeros(weights.embedding.types, static_cast<size_t>(hidden));
  bind.Norm(weights.embedding_norm, "embeddings.norm", like, bias(config.norm_bias));
  weights.layers.resize(body.layers.size());
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    RotaryLayerWeights& layer = weights.layers[i];
    const std::string name = fmt::format("layers.{}.", i);
    // The first layer's input is normed already.
    if (i > 0) bind.Norm(layer.attention_norm, name + "attn_norm", like, bias(config.norm_bias));
    bind.Layer(layer.qkv, {name + "attn.Wqkv"}, hidden, 3 * hidden, bias(config.attention_bias));
    bind.Layer(layer.attention_output, {name + "attn.Wo"}, hidden, hidden, bias(config.attention_bias));
    bind.Norm(layer.mlp_norm, name + "mlp_norm", like, bias(config.norm_bias));
    bind.Layer(layer.gate_up, {name + "mlp.Wi"}, hidden, 2 * body.intermediate_size, bias(config.mlp_bias));
    bind.Layer(layer.down, {name + "mlp.Wo"}, body.intermediate_size, hidden, bias(config.mlp_bias));
  }
  bind.Norm(weights.final_norm, "final_norm", like, bias(config.norm_bias));
}

}  // namespace

Result<std::unique_ptr<Encoder>> LoadModernBert(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const JsonObject object, ConfigOf(model));
  BANTAM_TRY(const ModernBertConfig config, ParseModernBertConfig(object));
  const WeightNames names{.what = "ModernBERT encoder",
                          .prefix = PrefixOf(*model.weights, {"model."}, "embeddings.tok_embeddings.weight"),
                          .ignored = {"head.", "decoder.", "classifier."}};
  const std::string fingerprint = fmt::format("modernbert biases={}{}{}", config.norm_bias ? 1 : 0,
                                              config.attention_bias ? 1 : 0, config.mlp_bias ? 1 : 0);
  return LoadRotaryEncoder(
      model, options, config.body, names, fingerprint,
      [&config](WeightBinder& bind, RotaryWeights& weights) { BindModernBert(config, bind, weights); });
}

}  // namespace bantam
