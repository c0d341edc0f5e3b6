// How a layer holds its weights. A property of each layer, not of a model: a quantised model may keep the layers that
// suffer most at a higher precision.
#pragma once

#include <string_view>

#include "base/result.h"

namespace bantam {

enum class WeightType { kF32, kInt8 };
std::string_view WeightTypeName(WeightType type);  // "f32", "int8"
Result<WeightType> ParseWeightType(std::string_view name);

}  // namespace bantam
