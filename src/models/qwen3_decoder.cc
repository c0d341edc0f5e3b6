// Qwen 3 as it generates text: norms of each query and key. qwen3.cc reads the same checkpoints as encoders.
#include <algorithm>

#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadQwen3Decoder(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family{
      .name = "qwen3", .default_positions = 32'768, .default_head_dim = 128, .qk_norm = LlamaLike::QkNorm::kHeads};
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  BANTAM_TRY(const std::vector<bool> local, ReadQwenLocalLayers(config, static_cast<int>(family.body.layers.size())));
  if (std::ranges::find(local, true) != local.end()) BANTAM_RETURN_IF_ERROR(ReadWindow(config, family, local));
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
