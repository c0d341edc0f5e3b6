// The list of architectures. A new one is a row here and a file beside bert.cc.

#include "base/text_util.h"
#include "models/bert.h"
#include "models/encoder.h"
#include "models/modernbert.h"
#include "models/nomic_bert.h"
#include "models/qwen3.h"

namespace bantam {
namespace {

struct Architecture {
  std::string_view model_type;  // config.json
  Result<std::unique_ptr<Encoder>> (*load)(ModelFolder& model, const EncoderOptions& options);
};

constexpr Architecture kArchitectures[] = {
    {"bert", Bert::Load},
    {"modernbert", LoadModernBert},
    {"nomic_bert", LoadNomicBert},
    {"qwen3", LoadQwen3},
};

}  // namespace

Result<std::unique_ptr<Encoder>> LoadEncoder(ModelFolder& model, const EncoderOptions& options) {
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.model_type == model.architecture) return architecture.load(model, options);
    known += (known.empty() ? "" : ", ") + std::string(architecture.model_type);
  }
  return Err(ErrorCode::kUnsupported, "model \"{}\" has \"model_type\" \"{}\"; known: {}",
             EscapeForTerminal(model.name), EscapeForTerminal(model.architecture), known);
}

}  // namespace bantam
