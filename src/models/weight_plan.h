// Which weight type each layer of a model gets: the one that was asked for, or, where config.json has a
// `quantization_config` of ours, those that `bantam quantize` stored.
//
//   "quantization_config": {"quant_method": "bantam", "format": 1, "bits": 8, "embedding_bits": 8,
//                           "kept": {"encoder.layer.0.output.dense": 32}}
//
// Stored weights are tensors of integers with their scales beside them, NAME.weight and NAME.weight_scale: of 8 bits
// I8 [out, in] and F32 [out]; what `kept` puts at 32 bits is of any float type as in any other checkpoint.
#pragma once

#include <map>
#include <string>

#include "base/json.h"
#include "layers/weight_type.h"

namespace bantam {

struct WeightPlan {
  WeightType type = WeightType::kF32;                   // of every Linear
  WeightType table_type = WeightType::kF32;             // of the word embeddings
  std::map<std::string, WeightType, std::less<>> kept;  // but these, by the name of their tensor without ".weight"
  bool stored = false;                                  // the file holds the integers already

  WeightType LinearType(std::string_view name) const { return TypeOf(name, type); }
  WeightType TableType(std::string_view name) const { return TypeOf(name, table_type); }
  bool AnyQuantized() const;
  // One line with everything that packed weights depend on.
  std::string Fingerprint() const;

 private:
  WeightType TypeOf(std::string_view name, WeightType otherwise) const;
};

// What --dtype says, for weights stored as floats.
WeightPlan PlanFor(WeightType type);

// `config`: config.json, whose name begins errors. kUnsupported for another tool's quantization_config.
Result<WeightPlan> ReadWeightPlan(const json::value& config, std::string_view name, WeightType wanted);

}  // namespace bantam
