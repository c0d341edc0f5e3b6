#include "models/electra.h"

#include "models/bert.h"
#include "models/config_reader.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadElectra(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  BertFamily family;
  BANTAM_TRY(family.config, ParseBertConfig(config));
  BANTAM_TRY(family.config.type_vocab_size, ReadSizeOr(config, "type_vocab_size", 2, SizeLimits::kTypes));
  BANTAM_TRY(family.config.embedding_size, ReadSizeOr(config, "embedding_size", 128, SizeLimits::kHidden));
  family.names = {.what = "ELECTRA encoder",
                  .prefix = PrefixOf(*model.weights, {"electra."}, "embeddings.word_embeddings.weight"),
                  .ignored = {"discriminator_predictions.", "generator_predictions.", "generator_lm_head.",
                              "classifier.", "qa_outputs.", "embeddings.position_ids"}};
  family.layers.projection = "embeddings_project";
  return Bert::LoadFamily(model, options, family);
}

}  // namespace bantam
