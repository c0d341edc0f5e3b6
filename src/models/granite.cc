// Granite 3: a Llama with four factors.
#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadGranite(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family{.name = "granite"};
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  const auto factor = [&config](std::string_view key) { return config.NumberOr(key, 1, 1e-6, 1e6); };
  BANTAM_TRY(const double embedding, factor("embedding_multiplier"));
  BANTAM_TRY(const double residual, factor("residual_multiplier"));
  BANTAM_TRY(const double attention, factor("attention_multiplier"));
  BANTAM_TRY(const double logits, factor("logits_scaling"));
  family.body.embedding_scale = static_cast<float>(embedding);
  family.body.residual_scale = static_cast<float>(residual);
  family.body.attention_scale = static_cast<float>(attention);
  family.body.logits_scale = static_cast<float>(1 / logits);
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
