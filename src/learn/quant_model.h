// A float model and every mixture of weight types that it can become, each as a WeightSource that holds exactly what a
// file would: what is measured is what is written.
//
//   BANTAM_TRY(auto model, QuantModel::Open("all-MiniLM-L6-v2", pool));
//   BANTAM_TRY(auto original, model->LoadOriginal());   // from here on units() is filled
//   std::vector<WeightType> types(model->units().size(), WeightType::kInt8);
//   BANTAM_TRY(auto encoder, model->Load(WeightType::kInt8, types));
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "learn/input_moments.h"
#include "models/encoder.h"
#include "models/stored_matrix.h"

namespace bantam {

class QuantModel {
 public:
  // kUnsupported for a model that is quantised already. The pool must outlive the result.
  static Result<std::unique_ptr<QuantModel>> Open(std::string_view reference, ThreadPool& pool);

  const ModelFolder& folder() const { return folder_; }
  const std::vector<WeightUnit>& units() const { return units_; }
  uint64_t NumWeights(size_t unit) const;
  uint64_t num_parameters() const { return num_parameters_; }

  // The plan in which unit i has types[i]; `type` is what the model is called.
  WeightPlan Plan(WeightType type, const std::vector<WeightType>& types) const;
  // config.json with the plan in it.
  json::value Config(const WeightPlan& plan) const;
  // Every tensor of the file, the original's and quantised ones; the views live as long as this object. Quantises what
  // was not needed before.
  std::map<std::string, TensorView> Tensors(const std::vector<WeightType>& types);
  uint64_t StoredBytes(const std::vector<WeightType>& types);
  // Looks at what the layers' inputs are on these texts, so that int4 weights are rounded for them. Before anything is
  // quantised to int4.
  Status Calibrate(std::span<const std::vector<int32_t>> sequences);
  // The encoder of the original, or of a plan.
  Result<std::unique_ptr<Encoder>> LoadOriginal();
  Result<std::unique_ptr<Encoder>> Load(WeightType type, const std::vector<WeightType>& types);

 private:
  QuantModel(ModelFolder folder, ThreadPool& pool) : folder_(std::move(folder)), pool_(pool) {}
  void Quantize(const std::vector<WeightType>& types);
  void QuantizeUnit(size_t unit, WeightType type);

  ModelFolder folder_;
  ThreadPool& pool_;
  std::vector<WeightUnit> units_;
  uint64_t num_parameters_ = 0;
  std::optional<InputMoments> moments_;
  std::map<std::pair<std::string, WeightType>, StoredMatrix> stored_;  // by name without ".weight"
};

}  // namespace bantam
