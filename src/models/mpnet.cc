#include "models/mpnet.h"

#include "layers/relative_bias.h"
#include "models/bert.h"
#include "models/config_reader.h"

namespace bantam {
namespace {

// The reference knows no others, whatever the config says.
constexpr int kNumBuckets = 32, kMaxDistance = 128;

}  // namespace

Result<std::unique_ptr<Encoder>> LoadMpnet(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  BertFamily family;
  BANTAM_TRY(family.config, ParseBertConfig(config));
  BANTAM_TRY(const int buckets, ReadSizeOr(config, "relative_attention_num_buckets", kNumBuckets, 1'000'000));
  if (buckets != kNumBuckets) {
    return Err(ErrorCode::kUnsupported, "{} is {}; known: {}", config.Where("relative_attention_num_buckets"), buckets,
               kNumBuckets);
  }
  // Whatever pad_token_id says: the reference's positions begin at 2.
  BANTAM_TRY(family.config.position_offset, CheckPositionOffset(config, 2, family.config.max_position_embeddings));
  family.names = {.what = "MPNet encoder",
                  .prefix = PrefixOf(*model.weights, {"mpnet."}, "embeddings.word_embeddings.weight"),
                  .ignored = {"pooler.", "lm_head.", "classifier.", "qa_outputs.", "embeddings.position_ids"}};
  family.layers.query = "attention.attn.q";
  family.layers.key = "attention.attn.k";
  family.layers.value = "attention.attn.v";
  family.layers.attention_output = "attention.attn.o";
  family.layers.attention_norm = "attention.LayerNorm";
  const int heads = family.config.num_attention_heads, longest = family.config.max_sequence();
  family.bind_more = [heads, longest](WeightBinder& bind, BertWeights& weights) {
    const float* table = nullptr;
    bind.Table(table, "encoder.relative_attention_bias.weight", {kNumBuckets, heads});
    if (!bind.placed()) return;
    const auto bias = std::make_shared<RelativeBias>(std::span(table, static_cast<size_t>(kNumBuckets) * heads),
                                                     kNumBuckets, heads, kMaxDistance, longest);
    for (BertLayerWeights& layer : weights.layers) layer.bias = bias.get();
    weights.owned.push_back(bias);
  };
  return Bert::LoadFamily(model, options, family);
}

}  // namespace bantam
