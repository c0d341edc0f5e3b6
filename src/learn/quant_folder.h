// Writes a quantised model as a Hugging Face folder: the original's small files as they are, config.json with its
// quantization_config, model.safetensors, and what it cost in quantization_report.json and in the safetensors metadata.
#pragma once

#include "learn/quant_model.h"
#include "learn/quant_report.h"

namespace bantam {

// Where OUT goes: a path (with a slash, or "."), or a name in the model store, as every --model reads it.
// kInvalidArgument where something is there already and `force` is not set; with it only a model's folder is replaced.
Result<Path> OutputFolder(std::string_view reference, const ModelFolder& original, bool force);

// All or nothing: into a folder beside `out`, synced, then renamed.
Status WriteQuantized(QuantModel& model, const std::vector<WeightType>& types, const QuantReport& report,
                      const Path& out);

}  // namespace bantam
