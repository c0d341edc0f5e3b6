// Which weight type each layer of a model gets: the one that was asked for, or, where config.json has a
// `quantization_config` of ours, those that `bantam quantize` stored.
//
//   "quantization_config": {"quant_method": "bantam", "format": 1, "bits": 8, "embedding_bits": 8,
//                           "kept": {"encoder.layer.0.output.dense": 32}}
//
// Stored weights are tensors of integers with their scales beside them, NAME.weight and NAME.weight_scale: of 8 bits
// I8 [out, in] and F32 [out]; of 4 bits U8 [out, (in + 1) / 2], the even column in the lower half, two's complement,
// and BF16 [out, in / 32 rounded up]; what `kept` puts at 32 bits is of any float type as in any other checkpoint.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "files/model_folder.h"
#include "kernels/block_format.h"
#include "layers/weight_type.h"

namespace bantam {

// A named matrix of a file that makes so many outputs of a layer.
struct LinearPart {
  std::string name;
  int rows = 0;
};

struct WeightPlan {
  WeightType type = WeightType::kF32;                   // of every Linear
  WeightType table_type = WeightType::kF32;             // of the word embeddings
  std::map<std::string, WeightType, std::less<>> kept;  // but these, by the name of their tensor without ".weight"
  bool stored = false;                                  // the file holds the integers already
  // Matrices that are computed in a block format, by the same names. They come before all else here.
  std::map<std::string, BlockFormat, std::less<>> blocks = {};

  WeightType LinearType(std::string_view name) const { return TypeOf(name, type); }
  WeightType TableType(std::string_view name) const { return TypeOf(name, table_type); }
  // The formats of a layer's parts, `columns` wide, whose names begin with `prefix`; empty when the layer is not
  // computed in blocks, as where one of its parts is not there in any.
  std::vector<BlockFormat> BlocksOf(std::string_view prefix, std::span<const LinearPart> parts, int columns) const;
  bool AnyQuantized() const;  // but for blocks
  // One line with everything that packed weights depend on.
  std::string Fingerprint() const;

 private:
  WeightType TypeOf(std::string_view name, WeightType otherwise) const;
};

// The smallest thing whose type a plan can choose: one Linear, which several tensors may make together, or the word
// embeddings. Names as in `kept`; the tensor NAME.weight is [rows, columns].
struct WeightUnit {
  std::vector<LinearPart> parts;
  int columns = 0;
  bool table = false;
  const float* packed_f32 = nullptr;  // where it was packed to, in an f32 encoder
};

// What --dtype says, for weights stored as floats.
WeightPlan PlanFor(WeightType type);

// Every matrix in the block format that its file has it in, floats in Q8_0; what is no matrix stays f32.
WeightPlan PlanForBlocks(const WeightSource& source);

// The object that ReadWeightPlan reads back.
json::object QuantizationConfig(const WeightPlan& plan);

// `config`: config.json, whose name begins errors. kUnsupported for another tool's quantization_config.
Result<WeightPlan> ReadWeightPlan(const json::value& config, std::string_view name, WeightType wanted);

}  // namespace bantam
