// Phi 1, 1.5 and 2: attention and feed-forward part side by side after one norm, a bias of the logits too.
#include "models/plain_decoder.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadPhi2(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  BANTAM_RETURN_IF_ERROR(RefuseTrue(config, {"qk_layernorm"}, "only queries and keys without norms are known"));
  const std::string prefix = PrefixOf(*model.weights, {"model."}, "embed_tokens.weight");
  PlainDecoder family{.name = "phi",
                      .default_activation = "gelu_new",
                      .rotary_share = 0.5,
                      .words = prefix + "embed_tokens",
                      .position_table = {},
                      .final_norm = prefix + "final_layernorm",
                      .logits = "lm_head",
                      .layer = prefix + "layers.{}.",
                      .attention_norm = "input_layernorm",
                      .qkv = {},
                      .q = "self_attn.q_proj",
                      .k = "self_attn.k_proj",
                      .v = "self_attn.v_proj",
                      .attention_output = "self_attn.dense",
                      .mlp_norm = {},
                      .up = "mlp.fc1",
                      .down = "mlp.fc2",
                      .logits_bias = true};
  // Some GGUF files keep queries, keys and values in one tensor.
  if (model.weights->Has(prefix + "layers.0.self_attn.qkv_proj.weight")) family.qkv = "self_attn.qkv_proj";
  BANTAM_RETURN_IF_ERROR(ReadPlainDecoder(config, family));
  family.body.parallel = true;
  return LoadPlainDecoder(model, options, family);
}

}  // namespace bantam
