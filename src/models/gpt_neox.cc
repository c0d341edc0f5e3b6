// GPT-NeoX: Pythia and others. Attention and feed-forward part side by side, each with a norm of its own.
#include "models/derived_weights.h"
#include "models/plain_decoder.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadGptNeoX(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  const std::string prefix = PrefixOf(*model.weights, {"gpt_neox."}, "embed_in.weight");
  PlainDecoder family{.name = "gpt_neox",
                      .rotary_share = 0.25,
                      .words = prefix + "embed_in",
                      .position_table = {},
                      .final_norm = prefix + "final_layer_norm",
                      .logits = "embed_out",
                      .layer = prefix + "layers.{}.",
                      .attention_norm = "input_layernorm",
                      .qkv = "attention.query_key_value",
                      .q = {},
                      .k = {},
                      .v = {},
                      .attention_output = "attention.dense",
                      .mlp_norm = "post_attention_layernorm",
                      .up = "mlp.dense_h_to_4h",
                      .down = "mlp.dense_4h_to_h"};
  BANTAM_RETURN_IF_ERROR(ReadPlainDecoder(config, family));
  DecoderConfig& body = family.body;
  BANTAM_TRY(body.parallel, config.BoolOr("use_parallel_residual", true));
  body.qkv_by_head = true;
  std::vector<std::string> ignored;
  const auto derived = std::make_shared<DerivedWeights>(model.weights);
  const auto dim = static_cast<size_t>(body.head_dim), heads = static_cast<size_t>(body.num_attention_heads);
  for (size_t i = 0; i < body.layers.size(); ++i) {
    const std::string name = LayerName(family, i);
    for (const char* buffer : {"attention.bias", "attention.masked_bias", "attention.rotary_emb."}) {
      ignored.push_back(name + buffer);
    }
    // Stored head by head, each with its query, key and value rows.
    for (const char* ending : {".weight", ".bias"}) {
      derived->OrderRows(name + family.qkv + ending, [dim, heads](size_t row) {
        const size_t part = row / (heads * dim), head = row / dim % heads;
        return (head * 3 + part) * dim + row % dim;
      });
    }
  }
  if (model.gguf == nullptr) model.weights = derived;  // its converter has put them in order
  return LoadPlainDecoder(model, options, family, std::move(ignored));
}

}  // namespace bantam
