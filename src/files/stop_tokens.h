// The tokens with which a model says that its text ends: "eos_token_id" of generation_config.json or config.json, or of
// a GGUF file those that its vocabulary names and those that chat models end their turn with.
#pragma once

#include <cstdint>
#include <vector>

#include "files/model_folder.h"

namespace bantam {

// In no order, each once; none when the model does not say.
Result<std::vector<int32_t>> ReadStopTokens(const ModelFolder& model);

}  // namespace bantam
