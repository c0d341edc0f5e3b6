// The list of architectures. A new one is a row here and a file beside bert.cc.

#include <algorithm>
#include <iterator>

#include "base/text_util.h"
#include "files/sentence_config.h"
#include "models/albert.h"
#include "models/bert.h"
#include "models/deberta_v2.h"
#include "models/distilbert.h"
#include "models/electra.h"
#include "models/encoder.h"
#include "models/mobilebert.h"
#include "models/modernbert.h"
#include "models/mpnet.h"
#include "models/nomic_bert.h"
#include "models/qwen3.h"
#include "models/roberta.h"
#include "models/static_embedding.h"

namespace bantam {
namespace {

struct Architecture {
  std::string_view model_type;  // config.json
  Result<std::unique_ptr<Encoder>> (*load)(ModelFolder& model, const EncoderOptions& options);
};

constexpr Architecture kArchitectures[] = {
    {"bert", Bert::Load},
    {"distilbert", LoadDistilBert},
    {"roberta", LoadRoberta},
    {"camembert", LoadRoberta},
    {"xlm-roberta", LoadRoberta},
    {"electra", LoadElectra},
    {"albert", LoadAlbert},
    {"mpnet", LoadMpnet},
    {"mobilebert", LoadMobileBert},
    {"deberta-v2", LoadDebertaV2},
    {"modernbert", LoadModernBert},
    {"nomic_bert", LoadNomicBert},
    {"qwen3", LoadQwen3},
    {"model2vec", LoadStaticEmbedding},
    {"static_embedding", LoadStaticEmbedding},
};

}  // namespace

Result<const Kernels*> KernelsOf(const EncoderOptions& options) {
  if (options.kernels != nullptr) return options.kernels;
  return SelectKernels();
}

std::string KnownArchitectures() {
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    known += (known.empty() ? "" : ", ") + std::string(architecture.model_type);
  }
  return known;
}

bool IsKnownArchitecture(std::string_view model_type) {
  return std::any_of(std::begin(kArchitectures), std::end(kArchitectures),
                     [&](const Architecture& architecture) { return architecture.model_type == model_type; });
}

Result<std::unique_ptr<Encoder>> LoadEncoder(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_RETURN_IF_ERROR(KernelsOf(options));  // what is wrong with those is the caller's to mend, all else the file's
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.model_type == model.architecture) return AsCorrupt(architecture.load(model, options));
  }
  return Err(ErrorCode::kUnsupported, "model \"{}\" has \"model_type\" \"{}\"; known: {}",
             EscapeForTerminal(model.name), EscapeForTerminal(model.architecture), KnownArchitectures());
}

}  // namespace bantam
