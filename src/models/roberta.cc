#include "models/roberta.h"

#include "models/bert.h"
#include "models/config_reader.h"

namespace bantam {

Result<std::unique_ptr<Encoder>> LoadRoberta(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  BertFamily family;
  BANTAM_TRY(family.config, ParseBertConfig(config));
  BANTAM_TRY(family.config.type_vocab_size, ReadSizeOr(config, "type_vocab_size", 1, SizeLimits::kTypes));
  BANTAM_TRY(family.config.position_offset, ReadPaddingOffset(config, family.config.max_position_embeddings));
  family.names = {.what = "RoBERTa encoder",
                  .prefix = PrefixOf(*model.weights, {"roberta.", "camembert.", "xlm_roberta."},
                                     "embeddings.word_embeddings.weight"),
                  .ignored = {"pooler.", "lm_head.", "classifier.", "qa_outputs.", "embeddings.position_ids"}};
  return Bert::LoadFamily(model, options, family);
}

}  // namespace bantam
