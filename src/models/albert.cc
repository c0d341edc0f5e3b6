#include "models/albert.h"

#include "base/text_util.h"
#include "models/bert.h"
#include "models/config_reader.h"

namespace bantam {
namespace {

// num_hidden_layers are dealt out to num_hidden_groups in turn, and each is a run through all the group's inner layers.
Result<int> ShareLayers(const JsonObject& config, BertConfig& bert) {
  BANTAM_TRY(const int groups, ReadSizeOr(config, "num_hidden_groups", 1, SizeLimits::kLayers));
  BANTAM_TRY(const int inner, ReadSizeOr(config, "inner_group_num", 1, 16));
  if (groups > bert.num_hidden_layers) {
    return Err(ErrorCode::kCorrupt, "{} is {}, more than \"num_hidden_layers\" {}", config.Where("num_hidden_groups"),
               groups, bert.num_hidden_layers);
  }
  for (int layer = 0; layer < bert.num_hidden_layers; ++layer) {
    const int group = layer * groups / bert.num_hidden_layers;
    for (int i = 0; i < inner; ++i) bert.layer_weights.push_back(group * inner + i);
  }
  bert.num_hidden_layers = static_cast<int>(bert.layer_weights.size());
  return inner;
}

}  // namespace

Result<std::unique_ptr<Encoder>> LoadAlbert(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  BertFamily family;
  BANTAM_TRY(family.config, ParseBertConfig(config));
  BANTAM_TRY(family.config.type_vocab_size, ReadSizeOr(config, "type_vocab_size", 2, SizeLimits::kTypes));
  BANTAM_TRY(family.config.embedding_size, ReadSizeOr(config, "embedding_size", 128, SizeLimits::kHidden));
  BANTAM_TRY(const int inner, ShareLayers(config, family.config));
  family.names = {.what = "ALBERT encoder",
                  .prefix = PrefixOf(*model.weights, {"albert."}, "embeddings.word_embeddings.weight"),
                  .ignored = {"pooler.", "predictions.", "sop_classifier.", "classifier.", "qa_outputs.",
                              "embeddings.position_ids"}};
  family.layers = {.projection = "encoder.embedding_hidden_mapping_in",
                   .query = "attention.query",
                   .key = "attention.key",
                   .value = "attention.value",
                   .attention_output = "attention.dense",
                   .attention_norm = "attention.LayerNorm",
                   .intermediate = "ffn",
                   .output = "ffn_output",
                   .output_norm = "full_layer_layer_norm",
                   .layer_prefix = [inner](int index) {
                     return fmt::format("encoder.albert_layer_groups.{}.albert_layers.{}.", index / inner,
                                        index % inner);
                   }};
  return Bert::LoadFamily(model, options, family);
}

}  // namespace bantam
