// How a layer holds its weights. A property of each layer, not of a model: a quantised model may keep the layers that
// suffer most at a higher precision.
#pragma once

#include <string_view>

#include "base/result.h"

namespace bantam {

// kBlocks: as a GGUF file has them, in its own block formats.
enum class WeightType { kF32, kInt8, kInt4, kBlocks };
std::string_view WeightTypeName(WeightType type);           // "f32", "int8", "int4", "blocks"
Result<WeightType> ParseWeightType(std::string_view name);  // one that can be asked for: not "blocks"

}  // namespace bantam
