#include "models/llama_like.h"

#include <algorithm>

#include "models/decoder_rope.h"

namespace bantam {
namespace {

using Bias = WeightBinder::Bias;

Bias If(bool there) { return there ? Bias::kYes : Bias::kNo; }

class Binding {
 public:
  Binding(const LlamaLike& family, std::string prefix, WeightBinder& bind)
      : family_(family), body_(family.body), prefix_(std::move(prefix)), bind_(bind) {}

  void All(DecoderWeights& weights) {
    const int hidden = body_.hidden_size;
    weights.embedding.hidden_size = hidden;
    bind_.Words(weights.embedding, prefix_ + "embed_tokens", body_.vocab_size);
    bind_.Zeros(weights.embedding.positions, static_cast<size_t>(hidden));
    bind_.Zeros(weights.embedding.types, static_cast<size_t>(hidden));
    weights.layers.resize(body_.layers.size());
    for (size_t i = 0; i < weights.layers.size(); ++i) {
      Layer(prefix_ + fmt::format("layers.{}.", i), weights.layers[i], body_.layers[i].convolution);
    }
    Norm(weights.final_norm, prefix_ + family_.final_norm, hidden);
    bind_.Layer(weights.logits, {family_.tied ? prefix_ + "embed_tokens" : "lm_head"}, hidden, body_.vocab_size,
                Bias::kNo);
  }

 private:
  void Layer(const std::string& name, DecoderLayerWeights& layer, int convolution) {
    const std::string mlp = name + family_.mlp;
    const int hidden = body_.hidden_size, inner = body_.intermediate_size;
    NamedNorm(layer.attention_norm, name, family_.attention_norm);
    if (convolution > 0) {
      Convolution(name + "conv.", layer, convolution);
    } else {
      Attention(name + "self_attn.", layer);
    }
    NamedNorm(layer.attention_post_norm, name, family_.attention_post_norm);
    NamedNorm(layer.mlp_norm, name, family_.mlp_norm);
    std::vector<LinearPart> up = {{mlp + family_.gate, inner}, {mlp + family_.up, inner}};
    if (family_.fused) up = {{mlp + "gate_up_proj", 2 * inner}};
    bind_.Layer(layer.up, up, hidden, If(family_.mlp_bias));
    bind_.Layer(layer.down, {mlp + family_.down}, inner, hidden, If(family_.mlp_bias));
    NamedNorm(layer.mlp_post_norm, name, family_.mlp_post_norm);
  }

  void Attention(const std::string& self, DecoderLayerWeights& layer) {
    const int hidden = body_.hidden_size, q = body_.q_size(), kv = body_.kv_size();
    std::vector<LinearPart> qkv = {{self + "q_proj", q}, {self + "k_proj", kv}, {self + "v_proj", kv}};
    if (family_.fused) qkv = {{self + "qkv_proj", q + 2 * kv}};
    bind_.Layer(layer.qkv, qkv, hidden, If(family_.qkv_bias));
    if (family_.qk_norm != LlamaLike::QkNorm::kNone) {
      const bool heads = family_.qk_norm == LlamaLike::QkNorm::kHeads;
      Norm(layer.q_norm, self + family_.q_norm, heads ? body_.head_dim : q);
      Norm(layer.k_norm, self + family_.k_norm, heads ? body_.head_dim : kv);
    }
    bind_.Layer(layer.attention_output, {self + family_.attention_output}, q, hidden, If(family_.output_bias));
  }

  // [hidden, 1, width] in checkpoints, [hidden, width] in GGUF files.
  void Convolution(const std::string& conv, DecoderLayerWeights& layer, int width) {
    const int hidden = body_.hidden_size;
    const Bias bias = If(family_.convolution_bias);
    bind_.Layer(layer.qkv, {{conv + "in_proj", 3 * hidden}}, hidden, bias);
    layer.convolution.channels = hidden;
    layer.convolution.width = width;
    const auto count = static_cast<size_t>(hidden) * static_cast<size_t>(width);
    bind_.Computed(layer.convolution.weights, count, [&](WeightReader& reader, std::span<float> out) -> Status {
      std::vector<float> stored(count);
      const Shape shape = family_.flat_convolution ? Shape{hidden, width} : Shape{hidden, 1, width};
      BANTAM_RETURN_IF_ERROR(reader.Into(conv + "conv.weight", shape, stored));
      for (size_t i = 0; i < count; ++i) out[i % width * hidden + i / width] = stored[i];
      return Ok();
    });
    if (family_.convolution_bias) bind_.Table(layer.convolution.bias, conv + "conv.bias", {hidden});
    bind_.Layer(layer.attention_output, {conv + "out_proj"}, hidden, hidden, bias);
  }

  void NamedNorm(LayerNorm& norm, const std::string& layer, const std::string& name) {
    if (!name.empty()) Norm(norm, layer + name, body_.hidden_size);
  }

  void Norm(LayerNorm& norm, const std::string& name, int size) {
    const LayerNorm like{.size = size, .epsilon = static_cast<float>(family_.epsilon), .kind = family_.norm_kind};
    if (family_.norm_offset == 0) {
      return bind_.Norm(norm, name, like, If(family_.norm_kind == NormKind::kLayerNorm));
    }
    norm = like;
    bind_.Computed(norm.gamma, static_cast<size_t>(size), [&](WeightReader& reader, std::span<float> out) -> Status {
      BANTAM_RETURN_IF_ERROR(reader.Into(name + ".weight", {size}, out));
      for (float& gamma : out) gamma += family_.norm_offset;
      return Ok();
    });
  }

  const LlamaLike& family_;
  const DecoderConfig& body_;
  std::string prefix_;
  WeightBinder& bind_;
};

// Of GGUF files: Phi 3's frequencies of texts beyond the original length.
Status ReadLongFactors(const ModelFolder& model, DecoderConfig& body) {
  constexpr std::string_view kFactors = "rope_factors_long.weight";
  if (model.gguf == nullptr || !model.weights->Has(kFactors)) return Ok();
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  BANTAM_TRY(const int original, ReadSize(config, "original_max_position_embeddings", kDecoderPositions));
  if (original >= body.max_positions) return Ok();
  body.original_positions = original;
  return DivideFrequencies(*model.weights, kFactors, body.long_ropes.front());
}

}  // namespace

Status ReadLlamaLike(const JsonObject& config, LlamaLike& family) {
  DecoderConfig& body = family.body;
  BANTAM_TRY(body.vocab_size, ReadSize(config, "vocab_size", SizeLimits::kVocab));
  BANTAM_TRY(body.hidden_size, ReadSize(config, "hidden_size", SizeLimits::kHidden));
  BANTAM_TRY(body.num_attention_heads, ReadSize(config, "num_attention_heads", SizeLimits::kHeads));
  BANTAM_TRY(body.num_key_value_heads,
             ReadSizeOr(config, "num_key_value_heads", body.num_attention_heads, SizeLimits::kHeads));
  BANTAM_RETURN_IF_ERROR(CheckDivides(config, "num_attention_heads", body.num_attention_heads, "num_key_value_heads",
                                      body.num_key_value_heads));
  int head_dim = family.default_head_dim;
  if (head_dim == 0) {
    head_dim = std::max(body.hidden_size / body.num_attention_heads, 1);
    const json::value* own = config.Find("head_dim");
    if (own == nullptr || own->is_null()) {
      BANTAM_RETURN_IF_ERROR(
          CheckDivides(config, "hidden_size", body.hidden_size, "num_attention_heads", body.num_attention_heads));
    }
  }
  BANTAM_TRY(body.head_dim, ReadSizeOr(config, "head_dim", head_dim, 1024));
  BANTAM_TRY(body.intermediate_size, ReadSize(config, family.intermediate_key, SizeLimits::kIntermediate));
  BANTAM_TRY(body.max_positions,
             ReadSizeOr(config, "max_position_embeddings", family.default_positions, kDecoderPositions));
  BANTAM_TRY(body.hidden_act, ReadActivation(config, family.activation_key, family.activation));
  BANTAM_TRY(family.epsilon, config.NumberOr(family.epsilon_key, family.epsilon, 0, 1));
  BANTAM_TRY(family.qkv_bias, config.BoolOr("attention_bias", family.qkv_bias));
  BANTAM_TRY(family.output_bias, config.BoolOr("attention_bias", family.output_bias));
  BANTAM_TRY(family.mlp_bias, config.BoolOr("mlp_bias", family.mlp_bias));
  BANTAM_TRY(family.tied, config.BoolOr("tie_word_embeddings", family.tied));
  BANTAM_TRY(const double offset, config.NumberOr("norm_offset", static_cast<double>(family.norm_offset), 0, 1));
  family.norm_offset = static_cast<float>(offset);
  BANTAM_TRY(const int num_layers, ReadSize(config, "num_hidden_layers", SizeLimits::kLayers));
  body.layers.resize(static_cast<size_t>(num_layers));
  BANTAM_TRY(const RopeAnswer rope, ReadRope(config, {.layer_type = "full_attention",
                                                      .theta = family.theta,
                                                      .rotary_share = family.rotary_share,
                                                      .head_dim = body.head_dim,
                                                      .max_positions = body.max_positions}));
  AddRope(rope, body);
  body.max_positions = rope.max_positions;
  return Ok();
}

Status ReadWindow(const JsonObject& config, LlamaLike& family, const std::vector<bool>& local) {
  const json::value* present = config.Find("sliding_window");
  if (present == nullptr || present->is_null()) return Ok();
  BANTAM_TRY(const int window, ReadSize(config, "sliding_window", kDecoderPositions));
  for (size_t i = 0; i < family.body.layers.size(); ++i) {
    if (local.empty() || local[i]) family.body.layers[i].window = window;
  }
  return Ok();
}

Result<std::unique_ptr<Decoder>> LoadLlamaLike(ModelFolder& model, const DecoderOptions& options, LlamaLike& family) {
  const std::string prefix = PrefixOf(*model.weights, {"model."}, "embed_tokens.weight");
  BANTAM_RETURN_IF_ERROR(ReadLongFactors(model, family.body));
  // Of GGUF files: Llama 3's stretched frequencies, and Phi 3's for texts of the original length.
  for (const std::string_view factors : {"rope_freqs.weight", "rope_factors_short.weight"}) {
    BANTAM_RETURN_IF_ERROR(DivideFrequencies(*model.weights, factors, family.body.ropes.front()));
  }
  WeightNames names{.what = family.name + " decoder", .prefix = "", .ignored = {"rope_factors_long.weight"}};
  if (family.tied) names.ignored.push_back("lm_head.");
  // Checkpoints of the first Llamas keep the frequencies, which follow from the config.
  for (size_t i = 0; i < family.body.layers.size(); ++i) {
    names.ignored.push_back(fmt::format("{}layers.{}.self_attn.rotary_emb.", prefix, i));
  }
  std::string fingerprint =
      fmt::format("{} tied={} biases={}{}{} fused={}", family.name, family.tied ? 1 : 0, family.qkv_bias ? 1 : 0,
                  family.output_bias ? 1 : 0, family.mlp_bias ? 1 : 0, family.fused ? 1 : 0);
  if (std::ranges::any_of(family.body.layers, [](const auto& layer) { return layer.convolution > 0; })) {
    fingerprint += family.convolution_bias ? " convolutions with biases" : " convolutions";
    for (const DecoderConfig::Layer& layer : family.body.layers) fingerprint += fmt::format(" {}", layer.convolution);
  }
  return LoadDecoderFrame(
      model, options, family.body, names, fingerprint,
      [&](WeightBinder& bind, DecoderWeights& weights) { Binding(family, prefix, bind).All(weights); });
}

}  // namespace bantam
