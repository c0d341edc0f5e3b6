// Llama and what has its form: TinyLlama, SmolLM 1 and 2, Llama 3.
#include "models/llama_family.h"
#include "models/llama_like.h"

namespace bantam {

Result<std::unique_ptr<Decoder>> LoadLlama(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  LlamaLike family{.name = "llama"};
  BANTAM_RETURN_IF_ERROR(ReadLlamaLike(config, family));
  return LoadLlamaLike(model, options, family);
}

}  // namespace bantam
