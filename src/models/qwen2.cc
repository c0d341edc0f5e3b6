// Qwen 2 and 2.5: biases of queries, keys and values.
#include <algorithm>

#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadQwen2(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family{.name = "qwen2", .default_positions = 32'768, .qkv_bias = true};
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  BANTAM_TRY(const std::vector<bool> local, ReadQwenLocalLayers(config, static_cast<int>(family.body.layers.size())));
  if (std::ranges::find(local, true) != local.end()) BANTAM_RETURN_IF_ERROR(ReadWindow(config, family, local));
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
