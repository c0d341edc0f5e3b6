#include "layers/weight_type.h"

#include "base/text_util.h"

namespace bantam {

std::string_view WeightTypeName(WeightType type) { return type == WeightType::kF32 ? "f32" : "int8"; }

Result<WeightType> ParseWeightType(std::string_view name) {
  for (WeightType type : {WeightType::kF32, WeightType::kInt8}) {
    if (WeightTypeName(type) == name) return type;
  }
  return Err(ErrorCode::kInvalidArgument, "unknown weight type \"{}\"; known: f32, int8", EscapeForTerminal(name));
}

}  // namespace bantam
