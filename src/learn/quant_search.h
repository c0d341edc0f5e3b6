// Which layers of a model can be quantised how far: measures the original, quantises everything, and where the user's
// metric drops by more than allowed, ranks the layers by how much each suffers alone and keeps the worst ones higher,
// as few as the limit permits.
//
//   BANTAM_TRY(auto model, QuantModel::Open("all-MiniLM-L6-v2", pool));
//   BANTAM_TRY(QuantResult result, SearchQuantization(*model, data, {.type = WeightType::kInt8, .max_drop = 0.5}));
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "learn/quant_data.h"
#include "learn/quant_model.h"
#include "learn/quant_report.h"

namespace bantam {

struct QuantOptions {
  WeightType type = WeightType::kInt8;
  std::optional<double> max_drop;  // points of the metric in percent; needs data with a metric
  int num_threads = 1;
  std::function<void(std::string_view stage, double fraction)> progress;
};

struct QuantResult {
  std::vector<WeightType> types;  // of model.units()
  QuantReport report;
};

// kUnsupported, with how near it came, where more than half of the layers' weights would have to be kept higher.
Result<QuantResult> SearchQuantization(QuantModel& model, QuantData data, const QuantOptions& options);

}  // namespace bantam
