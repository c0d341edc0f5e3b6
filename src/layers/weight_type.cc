#include "layers/weight_type.h"

#include "base/text_util.h"

namespace bantam {

std::string_view WeightTypeName(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return "f32";
    case WeightType::kInt8:
      return "int8";
    case WeightType::kInt4:
      return "int4";
    case WeightType::kBlocks:
      return "blocks";
  }
  return "";
}

Result<WeightType> ParseWeightType(std::string_view name) {
  for (WeightType type : {WeightType::kF32, WeightType::kInt8, WeightType::kInt4}) {
    if (WeightTypeName(type) == name) return type;
  }
  return Err(ErrorCode::kInvalidArgument, "unknown weight type \"{}\"; known: f32, int8, int4",
             EscapeForTerminal(name));
}

}  // namespace bantam
