#include "models/bert_config.h"

#include "base/text_util.h"

namespace bantam {
namespace {

Result<Activation> ParseActivation(const JsonObject& config) {
  BANTAM_TRY(const std::string name, config.StringOr("hidden_act", "gelu"));
  if (name == "gelu") return kActivationGelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return kActivationGeluTanh;
  if (name == "relu") return kActivationRelu;
  return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: gelu, gelu_new, gelu_pytorch_tanh, relu",
             config.Where("hidden_act"), EscapeForTerminal(name));
}

Result<int> Size(const JsonObject& config, std::string_view key, int64_t maximum) {
  BANTAM_TRY(const int64_t value, config.Int(key, 1, maximum));
  return static_cast<int>(value);
}

}  // namespace

Result<BertConfig> ParseBertConfig(const json::value& value, std::string_view name) {
  BANTAM_TRY(const JsonObject config, JsonObject::From(value, name));
  BertConfig bert;
  // The bounds keep every product of two sizes, in bytes, far from overflow.
  BANTAM_TRY(bert.vocab_size, Size(config, "vocab_size", 4'000'000));
  BANTAM_TRY(bert.hidden_size, Size(config, "hidden_size", 16'384));
  BANTAM_TRY(bert.num_hidden_layers, Size(config, "num_hidden_layers", 512));
  BANTAM_TRY(bert.num_attention_heads, Size(config, "num_attention_heads", 1024));
  BANTAM_TRY(bert.intermediate_size, Size(config, "intermediate_size", 65'536));
  BANTAM_TRY(bert.max_position_embeddings, Size(config, "max_position_embeddings", 131'072));
  BANTAM_TRY(bert.type_vocab_size, Size(config, "type_vocab_size", 1024));
  if (bert.hidden_size % bert.num_attention_heads != 0) {
    return Err(ErrorCode::kCorrupt, "{} is {}, which \"num_attention_heads\" {} does not divide",
               config.Where("hidden_size"), bert.hidden_size, bert.num_attention_heads);
  }
  BANTAM_TRY(const double epsilon, config.NumberOr("layer_norm_eps", 1e-12, 0, 1));
  bert.layer_norm_eps = static_cast<float>(epsilon);
  BANTAM_TRY(bert.hidden_act, ParseActivation(config));
  BANTAM_TRY(const std::string position, config.StringOr("position_embedding_type", "absolute"));
  if (position != "absolute") {
    return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: absolute", config.Where("position_embedding_type"),
               EscapeForTerminal(position));
  }
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    BANTAM_TRY(const bool set, config.BoolOr(key, false));
    if (set) return Err(ErrorCode::kUnsupported, "{} is true: only encoders are known", config.Where(key));
  }
  return bert;
}

std::string BertConfig::Fingerprint() const {
  return fmt::format("bert vocab={} hidden={} layers={} heads={} intermediate={} positions={} types={}", vocab_size,
                     hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, max_position_embeddings,
                     type_vocab_size);
}

}  // namespace bantam
