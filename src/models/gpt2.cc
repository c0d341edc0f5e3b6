// GPT-2 and its relatives of the same form: a table of positions, matrices stored [in, out].
#include "models/derived_weights.h"
#include "models/plain_decoder.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadGpt2(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  BANTAM_RETURN_IF_ERROR(RefuseTrue(config, {"scale_attn_by_inverse_layer_idx", "add_cross_attention"},
                                    "only the form of the original GPT-2 is known"));
  BANTAM_TRY(const bool scaled, config.BoolOr("scale_attn_weights", true));
  const std::string prefix = PrefixOf(*model.weights, {"transformer."}, "wte.weight");
  PlainDecoder family{.name = "gpt2",
                      .hidden = "n_embd",
                      .layers = "n_layer",
                      .heads = "n_head",
                      .intermediate = "n_inner",
                      .positions = "n_positions",
                      .epsilon = "layer_norm_epsilon",
                      .activation = "activation_function",
                      .default_activation = "gelu_new",
                      .default_positions = 1024,
                      .rotary_share = 0,
                      .tied = true,
                      .words = prefix + "wte",
                      .position_table = prefix + "wpe",
                      .final_norm = prefix + "ln_f",
                      .logits = "lm_head",
                      .layer = prefix + "h.{}.",
                      .attention_norm = "ln_1",
                      .qkv = "attn.c_attn",
                      .q = {},
                      .k = {},
                      .v = {},
                      .attention_output = "attn.c_proj",
                      .mlp_norm = "ln_2",
                      .up = "mlp.c_fc",
                      .down = "mlp.c_proj"};
  BANTAM_RETURN_IF_ERROR(ReadPlainDecoder(config, family));
  if (!scaled) family.body.attention_scale = 1;
  std::vector<std::string> ignored;
  const auto derived = std::make_shared<DerivedWeights>(model.weights);
  for (size_t i = 0; i < family.body.layers.size(); ++i) {
    const std::string name = LayerName(family, i);
    // Masks that older versions stored.
    ignored.push_back(name + "attn.bias");
    ignored.push_back(name + "attn.masked_bias");
    for (const std::string& matrix : {family.qkv, family.attention_output, family.up, family.down}) {
      derived->Transpose(name + matrix + ".weight");
    }
  }
  if (model.gguf == nullptr) model.weights = derived;  // its converter has transposed them
  return LoadPlainDecoder(model, options, family, std::move(ignored));
}

}  // namespace bantam
