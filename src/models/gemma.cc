// Gemma 1, 2 and 3: norms whose weights are stored less one, words scaled by the root of the width, and from Gemma 2 on
// norms after each part too, layers that attend within a window, and soft limits of scores and logits.
#include <cmath>

#include "models/decoder_rope.h"
#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {
namespace {

LlamaLike Family(std::string name) {
  return {.name = std::move(name),
          .activation_key = "hidden_activation",
          .activation = "gelu_pytorch_tanh",
          .default_positions = 8192,
          .default_head_dim = 256,
          .tied = true,
          .norm_offset = 1};
}

void AddPostNorms(LlamaLike& family) {
  family.attention_post_norm = "post_attention_layernorm";
  family.mlp_norm = "pre_feedforward_layernorm";
  family.mlp_post_norm = "post_feedforward_layernorm";
}

Status Read(const JsonObject& config, LlamaLike& family) {
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  family.body.embedding_scale = std::sqrt(static_cast<float>(family.body.hidden_size));
  return Ok();
}

// "layer_types", or all but every `pattern`-th layer.
Result<std::vector<bool>> LocalLayers(const JsonObject& config, size_t num_layers, int pattern) {
  BANTAM_TRY(const auto told, ReadSlidingLayers(config, static_cast<int>(num_layers)));
  if (told) return *told;
  BANTAM_TRY(pattern, ReadSizeOr(config, "sliding_window_pattern", pattern, SizeLimits::kLayers));
  std::vector<bool> local;
  for (size_t i = 0; i < num_layers; ++i) local.push_back((i + 1) % static_cast<size_t>(pattern) != 0);
  return local;
}

// GGUF files do not say what the scores are divided by: the head's width, but in the largest model of each kind, which
// is told by its layers, the share of the whole width.
Status ReadScores(const JsonObject& config, size_t layers_of_largest, DecoderConfig& body) {
  const bool largest = body.layers.size() == layers_of_largest;
  BANTAM_TRY(const double scalar,
             config.NumberOr("query_pre_attn_scalar",
                             largest ? body.hidden_size / body.num_attention_heads : body.head_dim, 1e-6, 1e6));
  body.attention_scale = static_cast<float>(1 / std::sqrt(scalar));
  return Ok();
}

Status ReadCaps(const JsonObject& config, double attention, double logits, DecoderConfig& body) {
  const auto cap = [&config](std::string_view key, double other) -> Result<double> {
    const json::value* value = config.Find(key);
    if (value != nullptr && value->is_null()) return 0.0;
    return config.NumberOr(key, other, 0, 1e6);
  };
  BANTAM_TRY(attention, cap("attn_logit_softcapping", attention));
  BANTAM_TRY(logits, cap("final_logit_softcapping", logits));
  body.attention_softcap = static_cast<float>(attention);
  body.logits_softcap = static_cast<float>(logits);
  return Ok();
}

}  // namespace

Result<std::unique_ptr<Decoder>> LoadGemma(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family = Family("gemma");
  BANTAM_RETURN_IF_ERROR(Read(config, family));
  return LoadLlamaLike(model, options, family);
}

Result<std::unique_ptr<Decoder>> LoadGemma2(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family = Family("gemma2");
  AddPostNorms(family);
  BANTAM_RETURN_IF_ERROR(Read(config, family));
  BANTAM_TRY(const std::vector<bool> local, LocalLayers(config, family.body.layers.size(), 2));
  BANTAM_RETURN_IF_ERROR(ReadWindow(config, family, local));
  BANTAM_RETURN_IF_ERROR(ReadScores(config, 46, family.body));
  BANTAM_RETURN_IF_ERROR(ReadCaps(config, 50, 30, family.body));
  return LoadLlamaLike(model, options, family);
}

Result<std::unique_ptr<Decoder>> LoadGemma3(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family = Family("gemma3_text");
  AddPostNorms(family);
  family.theta = 1e6;
  family.default_positions = 131'072;
  family.qk_norm = LlamaLike::QkNorm::kHeads;
  BANTAM_RETURN_IF_ERROR(RefuseTrue(config, {"use_bidirectional_attention"}, "only text that is read forwards"));
  BANTAM_RETURN_IF_ERROR(Read(config, family));
  DecoderConfig& body = family.body;
  BANTAM_TRY(const std::vector<bool> local, LocalLayers(config, body.layers.size(), 6));
  BANTAM_RETURN_IF_ERROR(ReadWindow(config, family, local));
  BANTAM_TRY(const RopeAnswer rope, ReadRope(config, {.layer_type = "sliding_attention",
                                                      .theta_key = "rope_local_base_freq",
                                                      .head_dim = body.head_dim,
                                                      .max_positions = body.max_positions,
                                                      .scaled = false}));
  AddRope(rope, body);
  for (size_t i = 0; i < body.layers.size(); ++i) body.layers[i].rope = local[i] ? 1 : 0;
  BANTAM_RETURN_IF_ERROR(ReadScores(config, 62, body));
  BANTAM_RETURN_IF_ERROR(ReadCaps(config, 0, 0, body));
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
