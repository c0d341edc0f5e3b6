#include "learn/quant_model.h"

#include <algorithm>
#include <set>

#include "base/text_util.h"
#include "learn/optimal_rounding.h"

namespace bantam {
namespace {

// Tensors in memory.
class TensorSource final : public WeightSource {
 public:
  explicit TensorSource(std::map<std::string, TensorView> tensors) : tensors_(tensors.begin(), tensors.end()) {}

  Result<TensorView> Get(std::string_view name, const Shape& expected_shape) override {
    const TensorView* view = Find(name);
    if (view == nullptr) return Err(ErrorCode::kCorrupt, "weight \"{}\" is missing", EscapeForTerminal(name));
    asked_.emplace(name);
    if (view->shape != expected_shape) {
      return Err(ErrorCode::kCorrupt, "weight \"{}\" is {}, expected {}", EscapeForTerminal(name),
                 ShapeString(view->shape), ShapeString(expected_shape));
    }
    return *view;
  }
  const TensorView* Find(std::string_view name) const override {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : &found->second;
  }
  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, view] : tensors_) names.push_back(name);
    return names;
  }
  std::vector<std::string> Leftovers() const override {
    std::vector<std::string> names;
    for (const auto& [name, view] : tensors_) {
      if (!asked_.contains(name)) names.push_back(name);
    }
    return names;
  }

 private:
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace

Result<std::unique_ptr<QuantModel>> QuantModel::Open(std::string_view reference, ThreadPool& pool) {
  BANTAM_TRY(ModelFolder folder, OpenModel(reference));
  if (folder.gguf != nullptr) {
    return Err(ErrorCode::kUnsupported, "{} is a GGUF file: quantising starts from the folder of the original model",
               EscapeForTerminal(folder.path.string(), 400));
  }
  BANTAM_TRY(const WeightPlan plan,
             ReadWeightPlan(folder.config, EscapeForTerminal(folder.path.string(), 400), WeightType::kF32));
  if (plan.stored) {
    return Err(ErrorCode::kUnsupported,
               "{} is quantised already ({}): quantising twice only adds errors; start from the original",
               EscapeForTerminal(folder.name), WeightTypeName(plan.type));
  }
  return std::unique_ptr<QuantModel>(new QuantModel(std::move(folder), pool));
}

uint64_t QuantModel::NumWeights(size_t unit) const {
  const WeightUnit& one = units_[unit];
  uint64_t rows = 0;
  for (const LinearPart& part : one.parts) rows += static_cast<uint64_t>(part.rows);
  return rows * static_cast<uint64_t>(one.columns);
}

WeightPlan QuantModel::Plan(WeightType type, const std::vector<WeightType>& types) const {
  WeightPlan plan = PlanFor(type);
  plan.stored = true;
  for (size_t i = 0; i < units_.size(); ++i) {
    if (units_[i].table) plan.table_type = types[i];
  }
  for (size_t i = 0; i < units_.size(); ++i) {
    if (units_[i].table || types[i] == type) continue;
    for (const LinearPart& part : units_[i].parts) plan.kept[part.name] = types[i];
  }
  return plan;
}

json::value QuantModel::Config(const WeightPlan& plan) const {
  json::value config = folder_.config;
  config.as_object()["quantization_config"] = QuantizationConfig(plan);
  return config;
}

Status QuantModel::Calibrate(std::span<const std::vector<int32_t>> sequences) {
  BANTAM_TRY(InputMoments moments, InputMoments::Record(folder_, units_, sequences, pool_));
  moments_ = std::move(moments);
  return Ok();
}

void QuantModel::QuantizeUnit(size_t index, WeightType type) {
  const WeightUnit& unit = units_[index];
  std::optional<OptimalRounding> rounding;
  if (type == WeightType::kInt4 && moments_ && !moments_->Of(index).empty()) {
    rounding.emplace(moments_->Of(index), unit.columns);
  }
  Int4Rounder rounder;
  if (rounding) {
    rounder = [&](std::span<float> row, std::span<int8_t> levels, std::span<uint16_t> scales) {
      rounding->Round(row, levels, scales);
    };
  }
  for (const LinearPart& part : unit.parts) {
    stored_.at({part.name, type}) = StoreMatrix(*folder_.weights->Find(part.name + ".weight"), type, rounder);
  }
}

void QuantModel::Quantize(const std::vector<WeightType>& types) {
  std::vector<size_t> missing;
  for (size_t i = 0; i < units_.size(); ++i) {
    if (types[i] == WeightType::kF32 || stored_.contains({units_[i].parts.front().name, types[i]})) continue;
    missing.push_back(i);
    for (const LinearPart& part : units_[i].parts) stored_[{part.name, types[i]}];
  }
  // The widest layers take by far the longest: first, or one thread would end with them alone.
  std::stable_sort(missing.begin(), missing.end(),
                   [&](size_t a, size_t b) { return units_[a].columns > units_[b].columns; });
  pool_.Run(static_cast<int>(missing.size()), [&](int i, int) {
    const size_t unit = missing[static_cast<size_t>(i)];
    QuantizeUnit(unit, types[unit]);
  });
}

std::map<std::string, TensorView> QuantModel::Tensors(const std::vector<WeightType>& types) {
  Quantize(types);
  std::map<std::string, TensorView> tensors;
  for (const std::string& name : folder_.weights->Names()) tensors[name] = *folder_.weights->Find(name);
  for (size_t i = 0; i < units_.size(); ++i) {
    if (types[i] == WeightType::kF32) continue;
    for (const LinearPart& part : units_[i].parts) {
      const StoredMatrix& stored = stored_.at({part.name, types[i]});
      tensors[part.name + ".weight"] = stored.values_view();
      tensors[part.name + ".weight_scale"] = stored.scales_view();
    }
  }
  return tensors;
}

uint64_t QuantModel::StoredBytes(const std::vector<WeightType>& types) {
  uint64_t bytes = 0;
  for (const auto& [name, view] : Tensors(types)) bytes += view.bytes.size();
  return bytes;
}

Result<std::unique_ptr<Encoder>> QuantModel::LoadOriginal() {
  units_.clear();
  BANTAM_TRY(auto encoder,
             LoadEncoder(folder_, {.weight_type = WeightType::kF32, .use_packed_files = false, .units = &units_}));
  num_parameters_ = encoder->num_parameters();
  for (const WeightUnit& unit : units_) {
    for (const LinearPart& part : unit.parts) {
      if (folder_.weights->Has(part.name + ".weight")) continue;
      return Err(ErrorCode::kUnsupported,
                 "{}: the tensor of \"{}\" has another name than \"{}.weight\", which cannot be stored quantised yet",
                 EscapeForTerminal(folder_.name), EscapeForTerminal(part.name), EscapeForTerminal(part.name));
    }
  }
  if (units_.empty()) {
    return Err(ErrorCode::kUnsupported, "{}: \"{}\" models have no layer that can be quantised yet",
               EscapeForTerminal(folder_.name), EscapeForTerminal(folder_.architecture));
  }
  return encoder;
}

Result<std::unique_ptr<Encoder>> QuantModel::Load(WeightType type, const std::vector<WeightType>& types) {
  ModelFolder candidate = folder_;
  candidate.config = Config(Plan(type, types));
  candidate.weights = std::make_shared<TensorSource>(Tensors(types));
  return LoadEncoder(candidate, {.weight_type = type, .use_packed_files = false});
}

}  // namespace bantam
