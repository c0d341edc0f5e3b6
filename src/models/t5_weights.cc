#include "models/t5_weights.h"

#include <cmath>

#include "base/text_util.h"
#include "models/config_reader.h"

namespace bantam {
namespace {

using Bias = WeightBinder::Bias;

constexpr int64_t kMostBuckets = 4096;

// "relu", "gated-gelu" and the like: whether there is a gate, and the activation.
Status ReadForward(const ModelFolder& model, const JsonObject& config, T5Config& t5) {
  std::string form = "relu";
  // GGUF files do not say it; those with a gate are all of this kind.
  if (model.weights->Find("encoder.block.0.layer.1.DenseReluDense.wi_0.weight") != nullptr) form = "gated-gelu";
  BANTAM_TRY(form, config.StringOr("feed_forward_proj", form));
  struct Row {
    std::string_view form;
    bool gated;
    Activation activation;
  };
  static constexpr Row kRows[] = {{"relu", false, kActivationRelu},          {"gelu", false, kActivationGelu},
                                  {"gelu_new", false, kActivationGeluTanh},  {"silu", false, kActivationSilu},
                                  {"gated-gelu", true, kActivationGeluTanh},  // which has always meant "gelu_new"
                                  {"gated-silu", true, kActivationSilu}};
  std::string known;
  for (const Row& row : kRows) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", row.form);
    if (row.form != form) continue;
    t5.gated = row.gated;
    t5.hidden_act = row.activation;
    return Ok();
  }
  return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: {}", config.Where("feed_forward_proj"),
             EscapeForTerminal(form), known);
}

LayerNorm NormLike(const T5Config& config) {
  return {.size = config.hidden_size, .epsilon = config.epsilon, .kind = NormKind::kRmsNorm};
}

void BindLayer(const T5Config& config, const std::string& name, bool decoder, WeightBinder& bind,
               T5LayerWeights& layer) {
  const int hidden = config.hidden_size, inner = config.inner_size(), wide = config.intermediate_size;
  const std::string self = name + "layer.0.SelfAttention.", cross = name + "layer.1.EncDecAttention.";
  const std::string last = name + (decoder ? "layer.2." : "layer.1."), mlp = last + "DenseReluDense.";
  bind.Norm(layer.attention_norm, name + "layer.0.layer_norm", NormLike(config), Bias::kNo);
  bind.Layer(layer.qkv, {{self + "q", inner}, {self + "k", inner}, {self + "v", inner}}, hidden, Bias::kNo);
  bind.Layer(layer.attention_output, {self + "o"}, inner, hidden, Bias::kNo);
  if (decoder) {
    bind.Norm(layer.cross_norm, name + "layer.1.layer_norm", NormLike(config), Bias::kNo);
    bind.Layer(layer.cross_query, {cross + "q"}, hidden, inner, Bias::kNo);
    bind.Layer(layer.cross_key_value, {{cross + "k", inner}, {cross + "v", inner}}, hidden, Bias::kNo);
    bind.Layer(layer.cross_output, {cross + "o"}, inner, hidden, Bias::kNo);
  }
  bind.Norm(layer.mlp_norm, last + "layer_norm", NormLike(config), Bias::kNo);
  std::vector<LinearPart> up = {{mlp + std::string(config.up), wide}};
  if (config.gated) up = {{mlp + "wi_0", wide}, {mlp + "wi_1", wide}};
  bind.Layer(layer.up, up, hidden, Bias::kNo);
  bind.Layer(layer.down, {mlp + "wo"}, wide, hidden, Bias::kNo);
}

}  // namespace

Result<T5Config> ReadT5Config(const ModelFolder& model) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  T5Config t5;
  BANTAM_TRY(t5.vocab_size, ReadSize(config, "vocab_size", SizeLimits::kVocab));
  BANTAM_TRY(t5.hidden_size, ReadSize(config, "d_model", SizeLimits::kHidden));
  BANTAM_TRY(t5.num_heads, ReadSize(config, "num_heads", SizeLimits::kHeads));
  BANTAM_TRY(t5.head_dim, ReadSize(config, "d_kv", 1024));
  BANTAM_TRY(t5.intermediate_size, ReadSize(config, "d_ff", SizeLimits::kIntermediate));
  BANTAM_TRY(t5.encoder_layers, ReadSize(config, "num_layers", SizeLimits::kLayers));
  const json::value* own = config.Find("num_decoder_layers");
  t5.decoder_layers = t5.encoder_layers;
  if (own != nullptr && !own->is_null()) {
    BANTAM_TRY(t5.decoder_layers, ReadSize(config, "num_decoder_layers", SizeLimits::kLayers));
  }
  BANTAM_TRY(t5.num_buckets, ReadSizeOr(config, "relative_attention_num_buckets", 32, kMostBuckets));
  BANTAM_TRY(t5.max_distance, ReadSizeOr(config, "relative_attention_max_distance", 128, SizeLimits::kPositions));
  if (t5.num_buckets % 4 != 0 || t5.max_distance <= t5.num_buckets / 2) {
    return Err(ErrorCode::kCorrupt,
               "{} is {} and \"relative_attention_max_distance\" {}: expected a multiple of 4, and "
               "more than half of it",
               config.Where("relative_attention_num_buckets"), t5.num_buckets, t5.max_distance);
  }
  BANTAM_TRY(t5.epsilon, ReadEpsilon(config, "layer_norm_epsilon", 1e-6));
  BANTAM_TRY(const int64_t padding, config.IntOr("pad_token_id", 0, 0, t5.vocab_size - 1));
  BANTAM_TRY(const int64_t start, config.IntOr("decoder_start_token_id", padding, 0, t5.vocab_size - 1));
  t5.start_token = static_cast<int32_t>(start);
  BANTAM_RETURN_IF_ERROR(ReadForward(model, config, t5));
  // The first T5s scale what makes the logits, those since 1.1 do not: their configs say so by a key that means, of
  // other models, whether the words make the logits too.
  BANTAM_TRY(const bool first, config.BoolOr("tie_word_embeddings", true));
  t5.tied = first && model.weights->Find("lm_head.weight") == nullptr;
  BANTAM_TRY(const bool scaled, config.BoolOr("scale_decoder_outputs", first));
  if (scaled && model.architecture != "mt5") t5.logits_scale = 1 / std::sqrt(static_cast<float>(t5.hidden_size));
  // GGUF has one name for what checkpoints call "wi" without a gate and "wi_1" beside one.
  if (!t5.gated && model.gguf != nullptr) t5.up = "wi_1";
  return t5;
}

WeightNames T5Names() {
  // Copies of the words, and a table that no version reads.
  return {.what = "T5 model",
          .prefix = "",
          .ignored = {"encoder.embed_tokens.", "decoder.embed_tokens.",
                      "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias."}};
}

void BindT5(const T5Config& config, WeightBinder& bind, T5Weights& weights) {
  const int hidden = config.hidden_size;
  weights.embedding.hidden_size = hidden;
  bind.Words(weights.embedding, "shared", config.vocab_size);
  bind.Zeros(weights.embedding.positions, static_cast<size_t>(hidden));
  bind.Zeros(weights.embedding.types, static_cast<size_t>(hidden));
  const Shape biases = {config.num_buckets, config.num_heads};
  constexpr std::string_view kBias = "block.0.layer.0.SelfAttention.relative_attention_bias.weight";
  bind.Table(weights.encoder_bias, fmt::format("encoder.{}", kBias), biases);
  bind.Table(weights.decoder_bias, fmt::format("decoder.{}", kBias), biases);
  weights.encoder.resize(static_cast<size_t>(config.encoder_layers));
  for (size_t i = 0; i < weights.encoder.size(); ++i) {
    BindLayer(config, fmt::format("encoder.block.{}.", i), false, bind, weights.encoder[i]);
  }
  bind.Norm(weights.encoder_norm, "encoder.final_layer_norm", NormLike(config), Bias::kNo);
  weights.decoder.resize(static_cast<size_t>(config.decoder_layers));
  for (size_t i = 0; i < weights.decoder.size(); ++i) {
    BindLayer(config, fmt::format("decoder.block.{}.", i), true, bind, weights.decoder[i]);
  }
  bind.Norm(weights.decoder_norm, "decoder.final_layer_norm", NormLike(config), Bias::kNo);
  bind.Layer(weights.logits, {config.tied ? "shared" : "lm_head"}, hidden, config.vocab_size, Bias::kNo);
}

}  // namespace bantam
