#include "models/mobilebert_weights.h"

#include "models/config_reader.h"

namespace bantam {
namespace {

using Projection = MobileBertLayerWeights::Projection;

// The names of one layer.
class LayerBinder {
 public:
  LayerBinder(const MobileBertConfig& config, WeightBinder& bind, int index)
      : config_(config), bind_(bind), name_(fmt::format("encoder.layer.{}.", index)) {}

  void Bind(MobileBertLayerWeights& layer) {
    const int narrow = config_.true_hidden_size, wide = config_.hidden_size;
    if (config_.use_bottleneck) {
      Project(layer.input_bottleneck, "bottleneck.input", wide, narrow, config_.layer_norm_eps);
      if (config_.key_query_shared_bottleneck) {
        Project(layer.attention_bottleneck, "bottleneck.attention", wide, narrow, config_.layer_norm_eps);
      }
    }
    const std::string self = name_ + "attention.self.";
    bind_.Layer(layer.query_key, {self + "query", self + "key"}, narrow, 2 * narrow);
    bind_.Layer(layer.value, {self + "value"}, config_.use_bottleneck_attention ? narrow : wide, narrow);
    Project(layer.attention_output, "attention.output", narrow, narrow, config_.layer_norm_eps);
    layer.feed_forward.resize(static_cast<size_t>(config_.num_feedforward_networks));
    for (size_t i = 0; i < layer.feed_forward.size(); ++i) {
      // The last one has the names of BERT's only one, and in the reference another epsilon.
      const bool last = i + 1 == layer.feed_forward.size();
      const std::string part = last ? "" : fmt::format("ffn.{}.", i);
      MobileBertLayerWeights::FeedForward& feed_forward = layer.feed_forward[i];
      bind_.Layer(feed_forward.intermediate, {name_ + part + "intermediate.dense"}, narrow, config_.intermediate_size);
      Project(feed_forward.output, part + "output", config_.intermediate_size, narrow,
              last ? kMobileBertDefaultEps : config_.layer_norm_eps);
    }
    if (config_.use_bottleneck) {
      Project(layer.output_bottleneck, "output.bottleneck", narrow, wide, config_.layer_norm_eps);
    }
  }

 private:
  void Project(Projection& projection, const std::string& part, int in, int out, float epsilon) {
    bind_.Layer(projection.dense, {name_ + part + ".dense"}, in, out);
    bind_.Norm(projection.norm, name_ + part + ".LayerNorm", {.size = out, .epsilon = epsilon, .kind = config_.norm});
  }

  const MobileBertConfig& config_;
  WeightBinder& bind_;
  std::string name_;
};

}  // namespace

Result<MobileBertConfig> ParseMobileBertConfig(const JsonObject& config) {
  MobileBertConfig mobile;
  BANTAM_TRY(mobile.vocab_size, ReadSize(config, "vocab_size", SizeLimits::kVocab));
  BANTAM_TRY(mobile.hidden_size, ReadSize(config, "hidden_size", SizeLimits::kHidden));
  BANTAM_TRY(mobile.embedding_size, ReadSizeOr(config, "embedding_size", 128, SizeLimits::kHidden));
  BANTAM_TRY(mobile.num_hidden_layers, ReadSize(config, "num_hidden_layers", SizeLimits::kLayers));
  BANTAM_TRY(mobile.num_attention_heads, ReadSize(config, "num_attention_heads", SizeLimits::kHeads));
  BANTAM_TRY(mobile.intermediate_size, ReadSize(config, "intermediate_size", SizeLimits::kIntermediate));
  BANTAM_TRY(mobile.max_position_embeddings, ReadSize(config, "max_position_embeddings", SizeLimits::kPositions));
  BANTAM_TRY(mobile.type_vocab_size, ReadSizeOr(config, "type_vocab_size", 2, SizeLimits::kTypes));
  BANTAM_TRY(mobile.num_feedforward_networks, ReadSizeOr(config, "num_feedforward_networks", 4, 64));
  BANTAM_TRY(mobile.trigram_input, config.BoolOr("trigram_input", true));
  BANTAM_TRY(mobile.use_bottleneck, config.BoolOr("use_bottleneck", true));
  BANTAM_TRY(mobile.use_bottleneck_attention, config.BoolOr("use_bottleneck_attention", false));
  BANTAM_TRY(mobile.key_query_shared_bottleneck, config.BoolOr("key_query_shared_bottleneck", true));
  BANTAM_TRY(const int narrow, ReadSizeOr(config, "intra_bottleneck_size", 128, SizeLimits::kHidden));
  mobile.true_hidden_size = mobile.use_bottleneck ? narrow : mobile.hidden_size;
  BANTAM_RETURN_IF_ERROR(CheckDivides(config, mobile.use_bottleneck ? "intra_bottleneck_size" : "hidden_size",
                                      mobile.true_hidden_size, "num_attention_heads", mobile.num_attention_heads));
  // Without a bottleneck for them, queries and keys are read from the wide rows: only equal widths fit.
  const bool wide_queries =
      !mobile.use_bottleneck_attention && !(mobile.use_bottleneck && mobile.key_query_shared_bottleneck);
  if (wide_queries && mobile.true_hidden_size != mobile.hidden_size) {
    return Err(ErrorCode::kCorrupt,
               "{} is {}, but without a bottleneck of queries and keys it must be \"hidden_size\" {}",
               config.Where("intra_bottleneck_size"), mobile.true_hidden_size, mobile.hidden_size);
  }
  BANTAM_TRY(const std::string norm, config.StringOr("normalization_type", "no_norm"));
  if (norm == "layer_norm") {
    mobile.norm = NormKind::kLayerNorm;
  } else {
    BANTAM_RETURN_IF_ERROR(RequireString(config, "normalization_type", "no_norm"));
  }
  BANTAM_TRY(mobile.layer_norm_eps, ReadEpsilon(config, "layer_norm_eps", 1e-12));
  BANTAM_TRY(mobile.hidden_act, ReadActivation(config, "hidden_act", "relu"));
  return mobile;
}

std::string MobileBertConfig::Fingerprint() const {
  return fmt::format(
      "mobilebert vocab={} hidden={} true={} embedding={} layers={} heads={} intermediate={} positions={} types={} "
      "ffn={} "
      "flags={}{}{}{}",
      vocab_size, hidden_size, true_hidden_size, embedding_size, num_hidden_layers, num_attention_heads,
      intermediate_size, max_position_embeddings, type_vocab_size, num_feedforward_networks, trigram_input ? 1 : 0,
      use_bottleneck ? 1 : 0, use_bottleneck_attention ? 1 : 0, key_query_shared_bottleneck ? 1 : 0);
}

void BindMobileBert(const MobileBertConfig& config, WeightBinder& bind, MobileBertWeights& weights) {
  const int hidden = config.hidden_size;
  weights.embedding.hidden_size = config.embedding_size;
  bind.Words(weights.embedding, "embeddings.word_embeddings", config.vocab_size);
  bind.Zeros(weights.embedding.positions, static_cast<size_t>(config.embedding_size));
  bind.Zeros(weights.embedding.types, static_cast<size_t>(config.embedding_size));
  weights.places.hidden_size = hidden;
  bind.Zeros(weights.places.words, static_cast<size_t>(hidden));
  bind.Table(weights.places.positions, "embeddings.position_embeddings.weight",
             {config.max_position_embeddings, hidden});
  bind.Table(weights.places.types, "embeddings.token_type_embeddings.weight", {config.type_vocab_size, hidden});
  // Even where nothing needs it the checkpoints have it.
  bind.Layer(weights.embedding_transformation, {"embeddings.embedding_transformation"}, config.embedding_input(),
             hidden);
  bind.Norm(weights.embedding_norm, "embeddings.LayerNorm",
            {.size = hidden, .epsilon = kMobileBertDefaultEps, .kind = config.norm});
  weights.layers.resize(static_cast<size_t>(config.num_hidden_layers));
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    LayerBinder(config, bind, i).Bind(weights.layers[static_cast<size_t>(i)]);
  }
}

}  // namespace bantam
