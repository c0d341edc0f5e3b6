// Mistral 7B and its smaller relatives: a Llama that may attend within a window.
#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadMistral(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family{.name = "mistral", .default_positions = 131'072};
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  BANTAM_RETURN_IF_ERROR(ReadWindow(config, family));
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
