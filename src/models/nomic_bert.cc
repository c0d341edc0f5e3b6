#include "models/nomic_bert.h"

#include "base/text_util.h"
#include "models/config_reader.h"
#include "models/rotary_encoder.h"

namespace bantam {
namespace {

struct NomicBertConfig {
  RotaryConfig body;
  float layer_norm_eps = 1e-12f;
};

// The checkpoints' own config has GPT-2's names for what transformers 5 calls as BERT does.
struct Keys {
  const char *hidden, *heads, *layers, *intermediate, *positions, *epsilon;
};
constexpr Keys kOwn = {"n_embd", "n_head", "n_layer", "n_inner", "n_positions", "layer_norm_epsilon"};
constexpr Keys kNew = {"hidden_size",       "num_attention_heads",     "num_hidden_layers",
                       "intermediate_size", "max_position_embeddings", "layer_norm_eps"};

Status RefuseOtherForms(const JsonObject& config) {
  BANTAM_RETURN_IF_ERROR(RefuseTrue(config,
                                    {"prenorm", "use_rms_norm", "causal", "parallel_block", "qkv_proj_bias",
                                     "mlp_fc1_bias", "mlp_fc2_bias", "rotary_emb_interleaved"},
                                    "only the form of nomic-embed-text-v1 is known"));
  BANTAM_TRY(const double fraction, config.NumberOr("rotary_emb_fraction", 1, 0, 1));
  if (fraction != 1) {
    return Err(ErrorCode::kUnsupported, "{} is {}; known: 1", config.Where("rotary_emb_fraction"), fraction);
  }
  for (const std::string_view key : {"rotary_scaling_factor", "rotary_emb_scale_base", "num_experts"}) {
    const json::value* value = config.Find(key);
    if (value == nullptr || value->is_null() || *value == 0) continue;
    return Err(ErrorCode::kUnsupported, "{} is {}; known: null", config.Where(key), EscapeForTerminal(ToJson(*value)));
  }
  return Ok();
}

Result<Activation> ReadGate(const JsonObject& config) {
  if (!config.Has("activation_function")) return ReadActivation(config, "hidden_act", "silu");
  BANTAM_TRY(const std::string name, config.String("activation_function"));
  if (name == "swiglu") return kActivationSilu;
  if (name == "geglu") return kActivationGelu;
  return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: swiglu, geglu", config.Where("activation_function"),
             EscapeForTerminal(name));
}

Result<NomicBertConfig> ParseNomicBertConfig(const JsonObject& config) {
  BANTAM_RETURN_IF_ERROR(RefuseOtherForms(config));
  const Keys& keys = config.Has(kOwn.hidden) ? kOwn : kNew;
  NomicBertConfig nomic;
  RotaryConfig& body = nomic.body;
  body.norm_first = false;
  BANTAM_TRY(body.vocab_size, ReadSize(config, "vocab_size", SizeLimits::kVocab));
  BANTAM_TRY(body.hidden_size, ReadSize(config, keys.hidden, SizeLimits::kHidden));
  BANTAM_TRY(body.num_attention_heads, ReadSize(config, keys.heads, SizeLimits::kHeads));
  BANTAM_TRY(body.intermediate_size, ReadSize(config, keys.intermediate, SizeLimits::kIntermediate));
  BANTAM_TRY(body.max_position_embeddings, ReadSize(config, keys.positions, SizeLimits::kPositions));
  BANTAM_TRY(body.type_vocab_size, ReadSizeOr(config, "type_vocab_size", 2, SizeLimits::kTypes));
  BANTAM_TRY(nomic.layer_norm_eps, ReadEpsilon(config, keys.epsilon, 1e-12));
  BANTAM_RETURN_IF_ERROR(CheckDivides(config, keys.hidden, body.hidden_size, keys.heads, body.num_attention_heads));
  body.num_key_value_heads = body.num_attention_heads;
  body.head_dim = body.hidden_size / body.num_attention_heads;
  BANTAM_RETURN_IF_ERROR(CheckDivides(config, keys.hidden, body.head_dim, "the values of a pair", 2));
  BANTAM_TRY(body.hidden_act, ReadGate(config));
  BANTAM_TRY(const double theta, ReadRopeTheta(config, "", "rotary_emb_base", 1'000));
  BANTAM_TRY(const int num_layers, ReadSize(config, keys.layers, SizeLimits::kLayers));
  body.layers.assign(static_cast<size_t>(num_layers), {.window = 0, .rope_theta = theta});
  return nomic;
}

void BindNomicBert(const NomicBertConfig& config, WeightBinder& bind, RotaryWeights& weights) {
  using Bias = WeightBinder::Bias;
  const RotaryConfig& body = config.body;
  const int hidden = body.hidden_size;
  const LayerNorm like{.size = hidden, .epsilon = config.layer_norm_eps};
  weights.embedding.hidden_size = hidden;
  weights.has_types = true;
  bind.Words(weights.embedding, "embeddings.word_embeddings", body.vocab_size);
  bind.Zeros(weights.embedding.positions, static_cast<size_t>(hidden));
  bind.Table(weights.embedding.types, "embeddings.token_type_embeddings.weight", {body.type_vocab_size, hidden});
  bind.Norm(weights.embedding_norm, "emb_ln", like);
  weights.layers.resize(body.layers.size());
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    RotaryLayerWeights& layer = weights.layers[i];
    const std::string name = fmt::format("encoder.layers.{}.", i), attn = name + "attn.", mlp = name + "mlp.";
    bind.Layer(layer.qkv, {attn + "Wqkv"}, hidden, 3 * hidden, Bias::kNo);
    bind.Layer(layer.attention_output, {attn + "out_proj"}, hidden, hidden, Bias::kNo);
    bind.Norm(layer.attention_norm, name + "norm1", like);
    bind.Layer(layer.gate_up, {mlp + "fc12", mlp + "fc11"}, hidden, 2 * body.intermediate_size, Bias::kNo);
    bind.Layer(layer.down, {mlp + "fc2"}, body.intermediate_size, hidden, Bias::kNo);
    bind.Norm(layer.mlp_norm, name + "norm2", like);
  }
}

}  // namespace

Result<std::unique_ptr<Encoder>> LoadNomicBert(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const JsonObject object, ConfigOf(model));
  BANTAM_TRY(const NomicBertConfig config, ParseNomicBertConfig(object));
  const WeightNames names{.what = "NomicBERT encoder",
                          .prefix = PrefixOf(*model.weights, {"nomic_bert.", "bert."}, "emb_ln.weight"),
                          .ignored = {"pooler.", "cls.", "classifier."}};
  return LoadRotaryEncoder(
      model, options, config.body, names, fmt::format("nomic_bert types={}", config.body.type_vocab_size),
      [&config](WeightBinder& bind, RotaryWeights& weights) { BindNomicBert(config, bind, weights); });
}

}  // namespace bantam
