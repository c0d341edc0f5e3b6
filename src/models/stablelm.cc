// StableLM 2 and StableLM Zephyr: a Llama with LayerNorms whose heads turn in part.
#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadStableLm(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family{.name = "stablelm",
                   .rotary_share = 0.25,
                   .default_positions = 4096,
                   .norm_kind = NormKind::kLayerNorm,
                   .epsilon_key = "layer_norm_eps",
                   .epsilon = 1e-5};
  BANTAM_RETURN_IF_ERROR(RefuseTrue(config, {"qk_layernorm"}, "only queries and keys without norms are known"));
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  BANTAM_TRY(family.qkv_bias, config.BoolOr("use_qkv_bias", false));
  BANTAM_TRY(family.body.parallel, config.BoolOr("use_parallel_residual", false));
  if (family.body.parallel) family.mlp_norm = "";  // both parts read the same
  if (model.gguf != nullptr) family.qkv_bias = model.weights->Has("layers.0.self_attn.q_proj.bias");
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
