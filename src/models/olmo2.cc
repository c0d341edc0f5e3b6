// OLMo 2: norms after each part in place of before it, and over all queries and keys.
#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadOlmo2(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family{.name = "olmo2",
                   .qk_norm = LlamaLike::QkNorm::kAll,
                   .attention_norm = "",
                   .attention_post_norm = "post_attention_layernorm",
                   .mlp_norm = "",
                   .mlp_post_norm = "post_feedforward_layernorm",
                   .epsilon = 1e-5};
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
