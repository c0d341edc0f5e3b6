// The list of architectures that generate text. A new one is a row here and a file beside llama.cc.
#include <algorithm>
#include <iterator>

#include "base/text_util.h"
#include "files/sentence_config.h"
#include "models/decoder.h"
#include "models/llama_family.h"
#include "models/plain_decoder.h"
#include "models/t5_weights.h"

namespace bantam {
namespace {

struct Architecture {
  std::string_view model_type;  // config.json
  Result<std::unique_ptr<Decoder>> (*load)(ModelFolder& model, const DecoderOptions& options);
};

constexpr Architecture kArchitectures[] = {
    {"llama", LoadLlama},     {"mistral", LoadMistral}, {"qwen2", LoadQwen2},      {"qwen3", LoadQwen3Decoder},
    {"smollm3", LoadSmolLm3}, {"gemma", LoadGemma},     {"gemma2", LoadGemma2},    {"gemma3_text", LoadGemma3},
    {"phi3", LoadPhi3},       {"olmo2", LoadOlmo2},     {"granite", LoadGranite},  {"stablelm", LoadStableLm},
    {"phi", LoadPhi2},        {"gpt2", LoadGpt2},       {"gpt_neox", LoadGptNeoX}, {"t5", LoadT5},
    {"mt5", LoadT5},          {"lfm2", LoadLfm2},
};

}  // namespace

std::string KnownDecoders() {
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    known += (known.empty() ? "" : ", ") + std::string(architecture.model_type);
  }
  return known;
}

bool IsKnownDecoder(std::string_view model_type) {
  return std::ranges::any_of(kArchitectures,
                             [&](const Architecture& architecture) { return architecture.model_type == model_type; });
}

Result<std::unique_ptr<Decoder>> LoadDecoder(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_RETURN_IF_ERROR(KernelsOf(options));  // what is wrong with those is the caller's to mend, all else the file's
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.model_type == model.architecture) return AsCorrupt(architecture.load(model, options));
  }
  return Err(ErrorCode::kUnsupported, "model \"{}\" has \"model_type\" \"{}\", which generates no text here; known: {}",
             EscapeForTerminal(model.name), EscapeForTerminal(model.architecture), KnownDecoders());
}

}  // namespace bantam
