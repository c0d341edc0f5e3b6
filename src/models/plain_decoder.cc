#include "models/plain_decoder.h"

#include "models/decoder_rope.h"

namespace bantam {
namespace {

using Bias = WeightBinder::Bias;

void BindLayer(const PlainDecoder& family, const std::string& name, WeightBinder& bind, DecoderLayerWeights& layer) {
  const DecoderConfig& body = family.body;
  const int hidden = body.hidden_size, q = body.q_size(), kv = body.kv_size();
  const LayerNorm like{.size = hidden, .epsilon = family.norm_epsilon};
  const Bias bias = family.attention_bias ? Bias::kYes : Bias::kNo;
  bind.Norm(layer.attention_norm, name + family.attention_norm, like);
  if (family.qkv.empty()) {
    bind.Layer(layer.qkv, {{name + family.q, q}, {name + family.k, kv}, {name + family.v, kv}}, hidden, bias);
  } else {
    bind.Layer(layer.qkv, {{name + family.qkv, body.qkv_size()}}, hidden, bias);
  }
  bind.Layer(layer.attention_output, {name + family.attention_output}, q, hidden, bias);
  if (!family.mlp_norm.empty()) bind.Norm(layer.mlp_norm, name + family.mlp_norm, like);
  bind.Layer(layer.up, {name + family.up}, hidden, body.intermediate_size);
  bind.Layer(layer.down, {name + family.down}, body.intermediate_size, hidden);
}

void BindAll(const PlainDecoder& family, WeightBinder& bind, DecoderWeights& weights) {
  const DecoderConfig& body = family.body;
  const int hidden = body.hidden_size;
  weights.embedding.hidden_size = hidden;
  bind.Words(weights.embedding, family.words, body.vocab_size);
  if (body.learned_positions) {
    bind.Table(weights.embedding.positions, family.position_table + ".weight", {body.max_positions, hidden});
  } else {
    bind.Zeros(weights.embedding.positions, static_cast<size_t>(hidden));
  }
  bind.Zeros(weights.embedding.types, static_cast<size_t>(hidden));
  weights.layers.resize(body.layers.size());
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    BindLayer(family, LayerName(family, i), bind, weights.layers[i]);
  }
  bind.Norm(weights.final_norm, family.final_norm, {.size = hidden, .epsilon = family.norm_epsilon});
  bind.Layer(weights.logits, {family.tied ? family.words : family.logits}, hidden, body.vocab_size,
             family.logits_bias ? Bias::kYes : Bias::kNo);
}

}  // namespace

std::string LayerName(const PlainDecoder& family, size_t layer) {
  const size_t brackets = family.layer.find("{}");
  return family.layer.substr(0, brackets) + std::to_string(layer) + family.layer.substr(brackets + 2);
}

Status ReadPlainDecoder(const JsonObject& config, PlainDecoder& family) {
  DecoderConfig& body = family.body;
  body.gated = false;
  BANTAM_TRY(body.vocab_size, ReadSize(config, "vocab_size", SizeLimits::kVocab));
  BANTAM_TRY(body.hidden_size, ReadSize(config, family.hidden, SizeLimits::kHidden));
  BANTAM_TRY(body.num_attention_heads, ReadSize(config, family.heads, SizeLimits::kHeads));
  BANTAM_TRY(body.num_key_value_heads,
             ReadSizeOr(config, family.kv_heads, body.num_attention_heads, SizeLimits::kHeads));
  BANTAM_RETURN_IF_ERROR(
      CheckDivides(config, family.heads, body.num_attention_heads, family.kv_heads, body.num_key_value_heads));
  BANTAM_RETURN_IF_ERROR(CheckDivides(config, family.hidden, body.hidden_size, family.heads, body.num_attention_heads));
  body.head_dim = body.hidden_size / body.num_attention_heads;
  BANTAM_TRY(body.intermediate_size,
             ReadSizeOr(config, family.intermediate, 4 * body.hidden_size, SizeLimits::kIntermediate));
  body.learned_positions = family.rotary_share == 0;
  // A table's rows are in memory, computed positions are not.
  BANTAM_TRY(body.max_positions, ReadSizeOr(config, family.positions, family.default_positions,
                                            body.learned_positions ? SizeLimits::kPositions : kDecoderPositions));
  BANTAM_TRY(body.hidden_act, ReadActivation(config, family.activation, family.default_activation));
  BANTAM_TRY(family.norm_epsilon, ReadEpsilon(config, family.epsilon, 1e-5));
  BANTAM_TRY(family.tied, config.BoolOr("tie_word_embeddings", family.tied));
  BANTAM_TRY(family.attention_bias, config.BoolOr("attention_bias", family.attention_bias));
  BANTAM_TRY(const int num_layers, ReadSize(config, family.layers, SizeLimits::kLayers));
  body.layers.resize(static_cast<size_t>(num_layers), {.window = 0, .rope = body.learned_positions ? -1 : 0});
  if (body.learned_positions) return Ok();
  BANTAM_TRY(const RopeAnswer rope,
             ReadRope(config, {.theta_key = config.Has("rotary_emb_base") ? "rotary_emb_base" : "rope_theta",
                               .rotary_share = family.rotary_share,
                               .head_dim = body.head_dim,
                               .max_positions = body.max_positions}));
  AddRope(rope, body);
  body.max_positions = rope.max_positions;
  return Ok();
}

Result<std::unique_ptr<Decoder>> LoadPlainDecoder(ModelFolder& model, const DecoderOptions& options,
                                                  const PlainDecoder& family, std::vector<std::string> ignored) {
  WeightNames names{.what = family.name + " decoder", .prefix = "", .ignored = std::move(ignored)};
  if (family.tied) names.ignored.push_back(family.logits + ".");
  const std::string fingerprint = fmt::format("{} tied={} bias={} mlp_norm={}", family.name, family.tied ? 1 : 0,
                                              family.attention_bias ? 1 : 0, family.mlp_norm.empty() ? 0 : 1);
  return LoadDecoderFrame(model, options, family.body, names, fingerprint,
                          [&](WeightBinder& bind, DecoderWeights& weights) { BindAll(family, bind, weights); });
}

}  // namespace bantam
