// SmolLM 3: a Llama whose every fourth layer knows no positions.
#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadSmolLm3(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family{.name = "smollm3", .theta = 2e6, .default_positions = 32'768, .tied = true};
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  auto& layers = family.body.layers;
  BANTAM_TRY(const int interval, ReadSizeOr(config, "no_rope_layer_interval", 4, SizeLimits::kLayers));
  for (size_t i = 0; i < layers.size(); ++i) {
    if ((i + 1) % static_cast<size_t>(interval) == 0) layers[i].rope = -1;
  }
  const json::value* list = config.Find("no_rope_layers");
  if (list != nullptr && !list->is_null()) {
    BANTAM_TRY(const json::array* turns, config.Array("no_rope_layers"));  // 1: this layer has rotary positions
    if (turns->size() != layers.size()) {
      return Err(ErrorCode::kCorrupt, "{} has {} entries, there are {} layers", config.Where("no_rope_layers"),
                 turns->size(), layers.size());
    }
    for (size_t i = 0; i < layers.size(); ++i) layers[i].rope = (*turns)[i] == 0 ? -1 : 0;
  }
  BANTAM_TRY(const bool sliding, config.BoolOr("use_sliding_window", false));
  if (sliding) {
    BANTAM_TRY(const auto told, ReadSlidingLayers(config, static_cast<int>(layers.size())));
    std::vector<bool> local;
    for (size_t i = 0; i < layers.size(); ++i) local.push_back(told ? (*told)[i] : layers[i].rope < 0);
    BANTAM_RETURN_IF_ERROR(ReadWindow(config, family, local));
  }
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
