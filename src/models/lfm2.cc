// LFM2: most layers gather from the last few tokens by a short convolution, some attend to all (arXiv:2511.23404).
#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {
namespace {

// What a checkpoint's "block_ff_dim" becomes: two thirds, and up to a multiple.
Result<int> AdjustedWidth(const JsonObject& config, int width) {
  BANTAM_TRY(const bool adjust, config.BoolOr("block_auto_adjust_ff_dim", true));
  if (!adjust) return width;
  BANTAM_TRY(const int multiple, ReadSizeOr(config, "block_multiple_of", 256, SizeLimits::kIntermediate));
  BANTAM_TRY(const double factor, config.NumberOr("block_ffn_dim_multiplier", 1, 0, 64));
  const auto wanted = static_cast<int64_t>(factor * static_cast<double>(2 * static_cast<int64_t>(width) / 3));
  const int64_t whole = (wanted + multiple - 1) / multiple * multiple;
  if (whole < 1 || whole > SizeLimits::kIntermediate) {
    return Err(ErrorCode::kCorrupt, "{} makes a width of {}, it is 1 to {}", config.Where("block_ffn_dim_multiplier"),
               whole, SizeLimits::kIntermediate);
  }
  return static_cast<int>(whole);
}

// "layer_types", or the numbers of those that attend.
Result<std::vector<bool>> Convolutions(const JsonObject& config, size_t num_layers) {
  std::vector<bool> convolves(num_layers, false);
  const json::value* types = config.Find("layer_types");
  if (types != nullptr && !types->is_null()) {
    BANTAM_TRY(const json::array* list, config.Array("layer_types"));
    if (list->size() != num_layers) {
      return Err(ErrorCode::kCorrupt, "{} has {} entries, there are {} layers", config.Where("layer_types"),
                 list->size(), num_layers);
    }
    for (size_t i = 0; i < num_layers; ++i) {
      const json::string* type = (*list)[i].if_string();
      if (type == nullptr || (*type != "conv" && *type != "full_attention")) {
        return Err(ErrorCode::kUnsupported, "{}, entry {}: a layer is \"conv\" or \"full_attention\"",
                   config.Where("layer_types"), i);
      }
      convolves[i] = *type == "conv";
    }
    return convolves;
  }
  const json::value* numbers = config.Find("full_attn_idxs");
  if (numbers == nullptr || numbers->is_null()) return convolves;
  BANTAM_TRY(const json::array* list, config.Array("full_attn_idxs"));
  convolves.assign(num_layers, true);
  for (size_t i = 0; i < list->size(); ++i) {
    const int64_t* layer = (*list)[i].if_int64();
    if (layer == nullptr || *layer < 0 || *layer >= static_cast<int64_t>(num_layers)) {
      return Err(ErrorCode::kCorrupt, "{}, entry {}: the number of a layer is 0 to {}", config.Where("full_attn_idxs"),
                 i, num_layers - 1);
    }
    convolves[static_cast<size_t>(*layer)] = false;
  }
  return convolves;
}

}  // namespace

Result<std::unique_ptr<Decoder>> LoadLfm2(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family{.name = "lfm2",
                   .theta = 1e6,
                   .default_positions = 128'000,
                   .tied = true,
                   .flat_convolution = model.gguf != nullptr,
                   .qk_norm = LlamaLike::QkNorm::kHeads,
                   .attention_norm = "operator_norm",
                   .mlp_norm = "ffn_norm",
                   .attention_output = "out_proj",
                   .q_norm = "q_layernorm",
                   .k_norm = "k_layernorm",
                   .mlp = "feed_forward.",
                   .gate = "w1",
                   .up = "w3",
                   .down = "w2",
                   .final_norm = "embedding_norm",
                   .epsilon_key = "norm_eps",
                   .epsilon = 1e-5};
  if (config.Has("block_ff_dim")) family.intermediate_key = "block_ff_dim";
  BANTAM_TRY(family.tied, config.BoolOr("tie_embedding", family.tied));
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  DecoderConfig& body = family.body;
  BANTAM_TRY(body.intermediate_size, AdjustedWidth(config, body.intermediate_size));
  BANTAM_TRY(family.convolution_bias, config.BoolOr("conv_bias", false));
  BANTAM_TRY(const int width, ReadSizeOr(config, "conv_L_cache", 3, kKvBlockTokens));
  BANTAM_TRY(const std::vector<bool> convolves, Convolutions(config, body.layers.size()));
  for (size_t i = 0; i < convolves.size(); ++i) body.layers[i].convolution = convolves[i] ? width : 0;
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
