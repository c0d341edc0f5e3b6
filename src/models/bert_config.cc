#include "models/bert_config.h"

#include <algorithm>

#include "base/text_util.h"
#include "models/config_reader.h"

namespace bantam {

Result<BertConfig> ParseBertConfig(const JsonObject& config) {
  BertConfig bert;
  BANTAM_TRY(bert.family, config.StringOr("model_type", "bert"));
  BANTAM_TRY(bert.vocab_size, ReadSize(config, "vocab_size", SizeLimits::kVocab));
  BANTAM_TRY(bert.hidden_size, ReadSize(config, "hidden_size", SizeLimits::kHidden));
  BANTAM_TRY(bert.num_hidden_layers, ReadSize(config, "num_hidden_layers", SizeLimits::kLayers));
  BANTAM_TRY(bert.num_attention_heads, ReadSize(config, "num_attention_heads", SizeLimits::kHeads));
  BANTAM_TRY(bert.intermediate_size, ReadSize(config, "intermediate_size", SizeLimits::kIntermediate));
  BANTAM_TRY(bert.max_position_embeddings, ReadSize(config, "max_position_embeddings", SizeLimits::kPositions));
  bert.embedding_size = bert.hidden_size;
  BANTAM_RETURN_IF_ERROR(
      CheckDivides(config, "hidden_size", bert.hidden_size, "num_attention_heads", bert.num_attention_heads));
  BANTAM_TRY(bert.layer_norm_eps, ReadEpsilon(config, "layer_norm_eps", 1e-12));
  BANTAM_TRY(bert.hidden_act, ReadActivation(config, "hidden_act", "gelu"));
  BANTAM_RETURN_IF_ERROR(RequireString(config, "position_embedding_type", "absolute"));
  BANTAM_RETURN_IF_ERROR(RefuseTrue(config, {"is_decoder", "add_cross_attention"}, "only encoders are known"));
  return bert;
}

int BertConfig::num_layer_weights() const {
  if (layer_weights.empty()) return num_hidden_layers;
  return *std::max_element(layer_weights.begin(), layer_weights.end()) + 1;
}

std::string BertConfig::Fingerprint() const {
  return fmt::format("{} vocab={} hidden={} layers={} heads={} intermediate={} positions={} types={}{}",
                     EscapeForTerminal(family), vocab_size, hidden_size, num_layer_weights(), num_attention_heads,
                     intermediate_size, has_positions ? max_position_embeddings : -max_position_embeddings,
                     type_vocab_size,
                     embedding_size == hidden_size ? more : fmt::format(" embedding={}{}", embedding_size, more));
}

}  // namespace bantam
