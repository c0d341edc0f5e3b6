#include "models/weight_plan.h"

#include <algorithm>

#include "base/text_util.h"
#include "kernels/kernel_table.h"
#include "layers/linear.h"
#include "tensor/block_packing.h"

namespace bantam {
namespace {

constexpr int64_t kFormat = 1;

int64_t BitsOf(WeightType type) {
  switch (type) {
    case WeightType::kF32:
    case WeightType::kBlocks:  // not a type of ours to store
      return 32;
    case WeightType::kInt8:
      return 8;
    case WeightType::kInt4:
      return 4;
  }
  return 32;
}

Result<WeightType> TypeOfBits(int64_t bits, const std::string& where) {
  if (bits == 32) return WeightType::kF32;
  if (bits == 8) return WeightType::kInt8;
  if (bits == 4) return WeightType::kInt4;
  return Err(ErrorCode::kUnsupported, "{} is {}; known: 4, 8, 32", where, bits);
}

}  // namespace

WeightType WeightPlan::TypeOf(std::string_view name, WeightType otherwise) const {
  const auto found = kept.find(name);
  return found == kept.end() ? otherwise : found->second;
}

std::vector<BlockFormat> WeightPlan::BlocksOf(std::string_view prefix, std::span<const LinearPart> parts,
                                              int columns) const {
  std::vector<BlockFormat> formats;
  for (const LinearPart& part : parts) {
    const auto found = blocks.find(std::string(prefix) + part.name);
    if (found == blocks.end() || parts.size() > Linear{}.blocks.size()) return {};
    if (static_cast<size_t>(columns) % BlockOf(DTypeOf(found->second)).elements != 0) return {};
    formats.push_back(found->second);
  }
  return formats;
}

bool WeightPlan::AnyQuantized() const {
  const auto quantized = [](WeightType one) { return one != WeightType::kF32; };
  return quantized(type) ||
         std::any_of(kept.begin(), kept.end(), [&](const auto& row) { return quantized(row.second); });
}

std::string WeightPlan::Fingerprint() const {
  std::string line = fmt::format("{} words={}", WeightTypeName(type), WeightTypeName(table_type));
  for (const auto& [name, other] : kept) line += fmt::format(" {}={}", EscapeForTerminal(name), WeightTypeName(other));
  for (const auto& [name, format] : blocks) {
    line += fmt::format(" {}={}", EscapeForTerminal(name), DTypeName(DTypeOf(format)));
  }
  return line;
}

WeightPlan PlanFor(WeightType type) {
  WeightPlan plan;
  plan.type = plan.table_type = type;
  return plan;
}

WeightPlan PlanForBlocks(const WeightSource& source) {
  constexpr std::string_view kEnd = ".weight";
  WeightPlan plan;
  for (std::string name : source.Names()) {
    const TensorView& tensor = *source.Describe(name);
    if (tensor.shape.size() != 2 || !IsReal(tensor.dtype)) continue;
    if (name.ends_with(kEnd)) name.resize(name.size() - kEnd.size());
    plan.blocks.emplace(std::move(name), BlockFormatOf(tensor.dtype).value_or(kBlockQ8_0));
  }
  return plan;
}

json::object QuantizationConfig(const WeightPlan& plan) {
  json::object object;
  object["quant_method"] = "bantam";
  object["format"] = kFormat;
  object["bits"] = BitsOf(plan.type);
  object["embedding_bits"] = BitsOf(plan.table_type);
  json::object kept;
  for (const auto& [name, type] : plan.kept) kept[name] = BitsOf(type);
  object["group_size"] = kInt4Group;
  object["kept"] = std::move(kept);
  return object;
}

Result<WeightPlan> ReadWeightPlan(const json::value& config, std::string_view name, WeightType wanted) {
  BANTAM_TRY(const JsonObject whole, JsonObject::From(config, name));
  const json::value* present = whole.Find("quantization_config");
  if (present == nullptr || present->is_null()) return PlanFor(wanted);
  BANTAM_TRY(const JsonObject object, whole.Object("quantization_config"));
  BANTAM_TRY(const std::string method, object.StringOr("quant_method", ""));
  if (method != "bantam") {
    return Err(ErrorCode::kUnsupported,
               "{}: the weights were quantised by another tool (\"quant_method\" \"{}\"); take the original model, and "
               "'bantam quantize' for a smaller one",
               name, EscapeForTerminal(method));
  }
  BANTAM_TRY(const int64_t format, object.Int("format", 1, 1'000'000));
  if (format != kFormat) {
    return Err(ErrorCode::kUnsupported,
               "{} is {}; this version knows {}: quantize the original again, or update bantam", object.Where("format"),
               format, kFormat);
  }
  WeightPlan plan;
  plan.stored = true;
  BANTAM_TRY(const int64_t bits, object.Int("bits", 1, 64));
  BANTAM_TRY(plan.type, TypeOfBits(bits, object.Where("bits")));
  BANTAM_TRY(const int64_t table_bits, object.IntOr("embedding_bits", bits, 1, 64));
  BANTAM_TRY(plan.table_type, TypeOfBits(table_bits, object.Where("embedding_bits")));
  BANTAM_TRY(const int64_t group, object.IntOr("group_size", kInt4Group, 1, 1'000'000));
  if (group != kInt4Group) {
    return Err(ErrorCode::kUnsupported, "{} is {}; known: {}", object.Where("group_size"), group, kInt4Group);
  }
  const json::value* kept = object.Find("kept");
  if (kept == nullptr || kept->is_null()) return plan;
  BANTAM_TRY(const JsonObject names, object.Object("kept"));
  for (const auto& member : names.raw()) {
    const std::string layer(member.key());
    BANTAM_TRY(const int64_t layer_bits, names.Int(layer, 1, 64));
    BANTAM_TRY(plan.kept[layer], TypeOfBits(layer_bits, names.Where(layer)));
  }
  return plan;
}

}  // namespace bantam
