// Phi 3, 3.5 and 4 mini: one matrix for queries, keys and values, one for gate and up.
#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadPhi3(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family{.name = "phi3", .default_positions = 4096, .fused = true, .epsilon = 1e-5};
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  BANTAM_RETURN_IF_ERROR(ReadWindow(config, family));
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
